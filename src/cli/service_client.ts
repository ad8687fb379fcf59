/**
 * The running service over HTTP, as the commands use it: replies checked against the shapes of
 * `src/http/schemas.ts`, and failures as one line with an exit code.
 *
 * @module
 */

import type { z } from "zod";
import type { Clock } from "../actor/clock.ts";
import { problem } from "../http/schemas.ts";
import { Exit, type ExitCode } from "./exit_code.ts";

/** Longest reply that is read, bytes: a page of 10,000 labels takes some 5 MB. */
const REPLY_BYTES_MAX = 256 * 1024 * 1024;

/** Longest line of a stream, characters: a label takes some 600. */
const LINE_CHARS_MAX = 1024 * 1024;

/** Longest text of an error that is shown. */
const DETAIL_CHARS_MAX = 1_000;

/** The service did not do what was asked; `message` is the one line that says why. */
export class ServiceError extends Error {
  override readonly name = "ServiceError";
  /** What the command exits with. */
  readonly exitCode: ExitCode;
  /** HTTP status; null when there was no answer. */
  readonly status: number | null;
  /** Stable code of the problem; `unreachable`, `timeout` and `reply` are the client's own. */
  readonly code: string;
  /** The oldest commit that can still be answered, with code `gone`. */
  readonly oldestSeq: number | null;

  constructor(
    message: string,
    exitCode: ExitCode,
    about: { status?: number; code: string; oldestSeq?: number | undefined },
  ) {
    super(message);
    this.exitCode = exitCode;
    this.status = about.status ?? null;
    this.code = about.code;
    this.oldestSeq = about.oldestSeq ?? null;
  }
}

/** Values of a query; what is undefined is left out. */
export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** What a request is, besides its path. */
export interface Asked {
  readonly method?: "GET" | "POST" | "PUT" | "DELETE";
  readonly query?: Query;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as it is, as NDJSON; counts only without `json`. */
  readonly ndjson?: string;
  /** Waits longer than the client's own limit, ms. */
  readonly timeoutMs?: number;
}

/** How a {@linkcode ServiceClient} reaches the service. */
export interface ServiceOptions {
  /** Where it answers, without a slash at the end. */
  readonly url: string;
  /** Sent as a bearer token; null for none. */
  readonly token: string | null;
  /** Longest wait for an answer, ms. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** Ends every request. */
  readonly signal: AbortSignal;
}

/** See the module. Every method throws {@linkcode ServiceError}, or the signal's reason. */
export class ServiceClient {
  readonly url: string;
  readonly #options: ServiceOptions;

  constructor(options: ServiceOptions) {
    this.#options = options;
    this.url = options.url.replace(/\/+$/, "");
  }

  /** The reply to one request, checked. */
  async ask<T extends z.ZodType>(path: string, reply: T, asked: Asked = {}): Promise<z.output<T>> {
    using limit = this.#limit(asked.timeoutMs ?? this.#options.timeoutMs);
    const response = await this.#send(path, asked, limit, "application/json");
    const text = await this.#read(response, limit);
    if (!response.ok) throw this.#refusal(response, text);
    return this.#parsed(path, text, reply);
  }

  /**
   * The lines of a stream as they come. Ends when the stream does.
   *
   * @throws {ServiceError} code `timeout` when nothing came for `idleMs`, `unreachable` when the
   * connection broke.
   */
  async *lines(path: string, query: Query, idleMs: number): AsyncGenerator<string, void> {
    using limit = this.#limit(this.#options.timeoutMs);
    const response = await this.#send(path, { query }, limit, "application/x-ndjson");
    if (!response.ok) throw this.#refusal(response, await this.#read(response, limit));
    if (response.body === null) return;
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    try {
      while (true) {
        limit.renew(idleMs);
        const { done, value } = await reader.read().catch((error) => {
          throw this.#broken(error, limit);
        });
        // Whoever takes the lines may be slow.
        limit.hold();
        if (done) break;
        text += value;
        let from = 0;
        for (let at; (at = text.indexOf("\n", from)) >= 0; from = at + 1) {
          if (at > from) yield text.slice(from, at);
        }
        text = text.slice(from);
        if (text.length > LINE_CHARS_MAX) {
          throw this.#strange(path, `a line of more than ${LINE_CHARS_MAX} characters`);
        }
      }
      if (text.trim() !== "") yield text;
    } finally {
      await reader.cancel().catch(() => {});
    }
  }

  async #send(path: string, asked: Asked, limit: Limit, accept: string): Promise<Response> {
    const url = new URL(this.url + path);
    for (const [name, value] of Object.entries(asked.query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const { token } = this.#options;
    const headers: Record<string, string> = { accept };
    if (token !== null) headers.authorization = `Bearer ${token}`;
    const body = asked.json === undefined ? asked.ndjson : JSON.stringify(asked.json);
    if (body !== undefined) {
      headers["content-type"] = asked.json === undefined
        ? "application/x-ndjson"
        : "application/json";
    }
    try {
      return await fetch(url, {
        method: asked.method ?? "GET",
        headers,
        redirect: "error",
        signal: limit.signal,
        ...(body === undefined ? {} : { body }),
      });
    } catch (error) {
      throw this.#broken(error, limit);
    }
  }

  async #read(response: Response, limit: Limit): Promise<string> {
    if (response.body === null) return "";
    const decoder = new TextDecoder();
    let text = "", bytes = 0;
    try {
      for await (const chunk of response.body) {
        bytes += chunk.length;
        if (bytes > REPLY_BYTES_MAX) {
          throw this.#strange(response.url, `more than ${REPLY_BYTES_MAX} bytes`);
        }
        text += decoder.decode(chunk, { stream: true });
      }
    } catch (error) {
      throw this.#broken(error, limit);
    }
    return text + decoder.decode();
  }

  #parsed<T extends z.ZodType>(path: string, text: string, reply: T): z.output<T> {
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch {
      throw this.#strange(path, "no JSON");
    }
    const result = reply.safeParse(json);
    if (result.success) return result.data;
    const issue = result.error.issues[0];
    throw this.#strange(path, `${issue?.path.join(".")}: ${issue?.message}`);
  }

  #strange(path: string, found: string): ServiceError {
    return new ServiceError(
      `Cannot read the answer of ${this.url} to ${path}: expected the shape of this version of ` +
        `wick: ${found.slice(0, DETAIL_CHARS_MAX)}`,
      Exit.failed,
      { code: "reply" },
    );
  }

  /** What a failed fetch means. */
  #broken(error: unknown, limit: Limit): unknown {
    if (error instanceof ServiceError) return error;
    if (this.#options.signal.aborted) return this.#options.signal.reason;
    if (limit.isOver) {
      return new ServiceError(
        `Cannot reach the service at ${this.url}: no answer within ${limit.ms} ms`,
        Exit.unavailable,
        { code: "timeout" },
      );
    }
    return new ServiceError(
      `Cannot reach the service at ${this.url}: ${networkReason(error)}; is wick serve running ` +
        `there? --url names another place`,
      Exit.unavailable,
      { code: "unreachable" },
    );
  }

  #refusal(response: Response, text: string): ServiceError {
    const { status } = response;
    let found: z.output<typeof problem> | null = null;
    try {
      found = problem.parse(JSON.parse(text));
    } catch {
      // Not a problem document: another program may answer there.
    }
    const said = found?.detail ?? found?.title ?? (text.split("\n")[0] || response.statusText);
    // The detail holds the first of them, and names fields of a message without "payload".
    const issues = (found?.issues ?? []).map(({ path, message }) => `${path}: ${message}`)
      .filter((issue) => !said.includes(issue.replace(/^payload\./, "")));
    const about = { status, code: found?.code ?? `http_${status}`, oldestSeq: found?.oldestSeq };
    const detail = [said, ...issues].join("; ").slice(0, DETAIL_CHARS_MAX);
    if (status === 401 || status === 403) {
      const hint = this.#options.token === null
        ? "set WICK_TOKEN or WICK_TOKEN_FILE"
        : "the token in WICK_TOKEN is not the service's";
      return new ServiceError(`${detail} (${status}); ${hint}`, Exit.failed, about);
    }
    const later = found?.retryAfterMs ?? retryAfterMs(response);
    if (status === 429 || status === 503) {
      const when = later === null ? "" : `; try again in ${later} ms`;
      return new ServiceError(`${detail} (${status})${when}`, Exit.tryAgain, about);
    }
    return new ServiceError(`${detail} (${status})`, Exit.failed, about);
  }

  #limit(ms: number): Limit {
    return new Limit(this.#options.clock, this.#options.signal, ms);
  }
}

/** A deadline on top of a signal. */
class Limit implements Disposable {
  readonly #clock: Clock;
  readonly #outer: AbortSignal;
  readonly #own = new AbortController();
  readonly #forward = () => this.#own.abort(this.#outer.reason);
  #cancel = () => {};
  /** Whether the time was over. */
  isOver = false;
  /** The time there was, ms. */
  ms = 0;

  constructor(clock: Clock, outer: AbortSignal, ms: number) {
    this.#clock = clock;
    this.#outer = outer;
    outer.addEventListener("abort", this.#forward, { once: true });
    if (outer.aborted) this.#forward();
    this.renew(ms);
  }

  get signal(): AbortSignal {
    return this.#own.signal;
  }

  /** Counts anew from now. */
  renew(ms: number): void {
    this.#cancel();
    this.ms = ms;
    this.#cancel = this.#clock.setTimer(ms, () => {
      this.isOver = true;
      this.#own.abort(new Error("timeout"));
    });
  }

  /** Does not count until it is renewed. */
  hold(): void {
    this.#cancel();
  }

  [Symbol.dispose](): void {
    this.#cancel();
    this.#outer.removeEventListener("abort", this.#forward);
  }
}

function networkReason(error: unknown): string {
  const text = error instanceof Error ? `${error.message} ${error.cause ?? ""}` : String(error);
  if (/refused/i.test(text)) return "connection refused";
  if (/dns|lookup|resolve/i.test(text)) return "the name is not known";
  if (/certificate|tls/i.test(text)) return "its certificate is not trusted";
  if (/NotCapable|permission/i.test(text)) return "this process has no permission to";
  return text.split("\n")[0]?.trim().slice(0, 200) ?? "";
}

function retryAfterMs(response: Response): number | null {
  const seconds = Number(response.headers.get("retry-after") ?? NaN);
  return Number.isFinite(seconds) ? Math.round(seconds * 1_000) : null;
}
