/**
 * Where a webhook stands, kept in the store under its name.
 *
 * @module
 */

import { z } from "zod";
import { StoreError } from "../../store/error.ts";
import type { Maybe, Store, WriteResult } from "../../store/port.ts";
import { type LabelPlace, parsePlace, placeText } from "../label_lines.ts";
import { streamCursor } from "../schemas.ts";

const KIND = "webhook";
const schema = z.strictObject({ after: streamCursor });

/**
 * The place kept for a webhook; null when it is new.
 *
 * @throws {StoreError} code `damaged`, by rejecting, when what is kept is no place.
 */
export async function webhookPosition(
  store: Pick<Store, "record">,
  name: string,
): Promise<LabelPlace | null> {
  const json = await store.record(KIND, name);
  if (json === null) return null;
  const found = schema.safeParse(JSON.parse(json));
  if (found.success) return parsePlace(found.data.after);
  const why = z.prettifyError(found.error);
  throw new StoreError("damaged", `Cannot read the position of webhook ${name}: ${why}`);
}

/** Keeps the place of a webhook. */
export function putWebhookPosition(
  store: Pick<Store, "putRecord">,
  name: string,
  place: LabelPlace,
): Maybe<WriteResult> {
  return store.putRecord(KIND, name, JSON.stringify({ after: placeText(place) }));
}
