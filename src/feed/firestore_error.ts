/**
 * What goes wrong with a Firestore, said in words that hold no credentials.
 *
 * @module
 */

import { z } from "zod";
import { FeedError } from "./port.ts";

/** Longest part of a library's message that is passed on, characters: the link that makes an index fits. */
const REASON_CHARS_MAX = 800;

/** Largest key file, bytes: a service account's has some 2.4 kB. */
const KEY_BYTES_MAX = 65_536;

/** What each gRPC status (grpc.github.io/grpc/core/md_doc_statuscodes.html) means for a feed. */
const EXPECTED: Readonly<Record<number, string>> = {
  3: "a query that the database accepts",
  4: "an answer in time",
  5: "a database and project that are there",
  7: "permission to read the collection (role Cloud Datastore Viewer)",
  8: "quota left",
  9: "an index over the fields of the query (README, Firestore)",
  12: "a server that knows the call",
  13: "a server without an error of its own",
  14: "a Firestore that can be reached",
  16: "credentials that are accepted (GOOGLE_APPLICATION_CREDENTIALS)",
};

const keySchema = z.looseObject({ type: z.string().min(1) });

/** An error of the client library as one of the feed, code `unreadable`. */
export function firestoreError(name: string, error: unknown): FeedError {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  const status = typeof code === "number" ? code : null;
  const expected = (status === null ? undefined : EXPECTED[status]) ??
    "a Firestore that can be reached with these credentials";
  const reason = withoutSecrets(typeof message === "string" ? message : String(error));
  // The cause is left out: an error of the library carries its request, and with it the token.
  return new FeedError(
    "unreadable",
    `Cannot read feed ${name}: expected ${expected}: current value is ${reason}`,
  );
}

/** A text on one line without keys and tokens, at most {@linkcode REASON_CHARS_MAX} long. */
export function withoutSecrets(text: string): string {
  const clean = text
    .replace(/-----BEGIN[\s\S]*?(-----END[^-]*-----|$)/g, "[hidden]")
    .replace(/\bBearer\s+\S+/gi, "Bearer [hidden]")
    .replace(/\bya29\.[\w.-]+/g, "[hidden]")
    .replace(/\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, "[hidden]")
    .replace(
      /"(private_key|private_key_id|client_secret|refresh_token)"\s*:\s*"[^"]*"?/g,
      "[hidden]",
    )
    .replace(/\s+/g, " ").trim();
  return clean.length > REASON_CHARS_MAX ? `${clean.slice(0, REASON_CHARS_MAX)}…` : clean;
}

/**
 * Looks whether a key file is one, because the client library quotes from a file that is none.
 *
 * @throws {FeedError} code `options`; its text holds nothing of the file.
 */
export async function assertCredentials(name: string, path: string): Promise<void> {
  const refuse = (found: string) =>
    new FeedError(
      "options",
      `Cannot open feed ${name}: expected a key file of Google Cloud at ${path}: ` +
        `current value is ${found}`,
    );
  let text: string;
  try {
    const { size } = await Deno.stat(path);
    if (size > KEY_BYTES_MAX) throw refuse(`a file of ${size} bytes`);
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof FeedError) throw error;
    throw refuse(error instanceof Error ? error.name : "no file");
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw refuse("a file that is not JSON");
  }
  if (!keySchema.safeParse(value).success) throw refuse("JSON without a type of credentials");
}
