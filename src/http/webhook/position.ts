/**
 * Where a webhook stands, and what was asked of it where several nodes share it, kept in the store
 * under its name.
 *
 * @module
 */

import { z } from "zod";
import { StoreError } from "../../store/error.ts";
import type { Maybe, Store, WriteResult } from "../../store/port.ts";
import { type LabelPlace, parsePlace, placeText } from "../label_lines.ts";
import { streamCursor } from "../schemas.ts";

const KIND = "webhook";
const CONTROL_KIND = "webhook_control";
const count = z.int().min(0);
const schema = z.strictObject({
  after: streamCursor,
  seeks: count.optional(),
  node: z.string().optional(),
});
const controlSchema = z.strictObject({
  isPaused: z.boolean(),
  seeks: count,
  after: streamCursor.nullable(),
});

/** Where a webhook stands. */
export interface WebhookPosition {
  readonly place: LabelPlace;
  /** How often it was sent somewhere else until then, where several nodes share it. */
  readonly seeks: number;
  /** The node that delivered up to there; null where there is one process. */
  readonly node: string | null;
}

/** What all nodes that share a webhook were told. */
export interface WebhookControl {
  readonly isPaused: boolean;
  /** How often it was sent somewhere else. */
  readonly seeks: number;
  /** Where to, the last time; null when it never was. */
  readonly after: string | null;
}

/** Kinds of the records of a webhook, whose key is its name. */
export const WEBHOOK_RECORDS: readonly string[] = [KIND, CONTROL_KIND];

/** What the nodes were told of a webhook; what cannot be read is nothing. */
export async function webhookControl(
  store: Pick<Store, "record">,
  name: string,
): Promise<WebhookControl> {
  const json = await store.record(CONTROL_KIND, name);
  const found = json === null ? null : controlSchema.safeParse(JSON.parse(json));
  return found?.success ? found.data : { isPaused: false, seeks: 0, after: null };
}

/** Tells all nodes. */
export function putWebhookControl(
  store: Pick<Store, "putRecord">,
  name: string,
  control: WebhookControl,
): Maybe<WriteResult> {
  return store.putRecord(CONTROL_KIND, name, JSON.stringify(control));
}

/**
 * The place kept for a webhook; null when it is new.
 *
 * @throws {StoreError} code `damaged`, by rejecting, when what is kept is no place.
 */
export async function webhookPosition(
  store: Pick<Store, "record">,
  name: string,
): Promise<WebhookPosition | null> {
  const json = await store.record(KIND, name);
  if (json === null) return null;
  const found = schema.safeParse(JSON.parse(json));
  if (found.success) {
    const { after, seeks = 0, node = null } = found.data;
    return { place: parsePlace(after), seeks, node };
  }
  const why = z.prettifyError(found.error);
  throw new StoreError("damaged", `Cannot read the position of webhook ${name}: ${why}`);
}

/** Keeps the place of a webhook. */
export function putWebhookPosition(
  store: Pick<Store, "putRecord">,
  name: string,
  { place, seeks, node }: WebhookPosition,
): Maybe<WriteResult> {
  const shared = node === null ? {} : { seeks, node };
  return store.putRecord(KIND, name, JSON.stringify({ after: placeText(place), ...shared }));
}
