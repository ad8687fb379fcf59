/**
 * A protocol declares an actor's messages once. From that one declaration come the static types of
 * `tell`, `ask` and the handlers, validation where data enters from outside, the description for
 * OpenAPI, and the encoding between threads and nodes.
 *
 * @module
 */

import { z } from "zod";
import { InvalidMessage } from "./errors.ts";
import { numericFields } from "./thread_codec.ts";
import { type Sizer, sizerOf } from "./bytes.ts";

/** The four lanes of a mailbox, served 8:4:2:1. */
export type Priority = "urgent" | "high" | "normal" | "low";

/** Lane number of each priority; 0 is served most. */
export const LANE: Readonly<Record<Priority, number>> = { urgent: 0, high: 1, normal: 2, low: 3 };

/** One message of a protocol, as declared. */
export interface EntrySpec {
  /** Shape of the payload; `z.strictObject` wherever it may come from outside. */
  readonly payload: z.ZodType;
  /** Shape of the reply; an entry without one can only be told. */
  readonly reply?: z.ZodType;
  /** Not reachable from outside and not described; payloads are not validated anywhere. */
  readonly internal?: boolean;
  /** Lane of this message unless the sender names another. */
  readonly priority?: Priority;
  /** The payload carries typed-array columns: transferred to threads, so the sender loses them. */
  readonly columns?: boolean;
  /** One line for people, shown in OpenAPI and `--help`. */
  readonly about?: string;
  /**
   * Bytes a payload is accounted with, where walking it would cost more than delivering it; default:
   * from its schema. Called in the sender with what the entry was given: it must not throw.
   */
  readonly bytesOf?: (payload: never) => number;
}

/** All messages of a protocol by name. */
export type Definition = Readonly<Record<string, EntrySpec>>;

/** Payload type of message `T`. */
export type Payload<D extends Definition, T extends keyof D> = z.output<D[T]["payload"]>;

/** Reply type of message `T`; never for messages that are only told. */
export type Reply<D extends Definition, T extends keyof D> = D[T] extends
  { readonly reply: infer R extends z.ZodType } ? z.output<R> : never;

/** Names of the messages that have a reply. */
export type AskType<D extends Definition> = {
  [T in keyof D]: D[T] extends { readonly reply: z.ZodType } ? T : never;
}[keyof D];

/**
 * One message, ready for the hot path: `index` stands for it between threads.
 *
 * @internal
 */
export interface Entry {
  readonly protocol: string;
  readonly type: string;
  readonly index: number;
  readonly lane: number;
  readonly internal: boolean;
  readonly columns: boolean;
  readonly payload: z.ZodType;
  readonly reply: z.ZodType | null;
  /** Names of the payload's fields when all are numbers: such payloads travel to threads packed. */
  readonly fields: readonly string[] | null;
  readonly about: string;
  /** Size of a payload in bytes as accounted by mailboxes; an estimate, not a measurement. */
  readonly bytesOf: Sizer;
}

/** Stands for a message that no protocol has, in its dead letter. */
export const NO_ENTRY: Entry = {
  protocol: "",
  type: "",
  index: -1,
  lane: LANE.normal,
  internal: true,
  columns: false,
  payload: z.never(),
  reply: null,
  fields: null,
  about: "",
  bytesOf: () => 64,
};

/** A declared set of messages. */
export interface Protocol<D extends Definition = Definition> {
  /** Name of the kind of actor, in messages of errors and descriptions. */
  readonly name: string;
  /** The messages as declared; static types are taken from it. */
  readonly definition: D;
  /** Entries by their name; it has no prototype. */
  readonly entries: { readonly [T in keyof D]: Entry };
  /** Entries by their index. */
  readonly byIndex: readonly Entry[];
}

/** Messages a protocol may have; indices travel in 16 bits. */
const ENTRIES_MAX = 1_024;

/**
 * Declares a protocol.
 *
 * @example
 * ```ts
 * import { z } from "zod";
 * import { protocol } from "./protocol.ts";
 * const Counter = protocol("counter", {
 *   add: { payload: z.strictObject({ by: z.number() }) },
 *   total: { payload: z.strictObject({}), reply: z.number() },
 * });
 * ```
 */
export function protocol<const D extends Definition>(name: string, definition: D): Protocol<D> {
  const types = Object.keys(definition);
  if (types.length > ENTRIES_MAX) {
    throw new RangeError(
      `Cannot declare protocol ${name}: at most ${ENTRIES_MAX} messages: ` +
        `current value is ${types.length}`,
    );
  }
  const byIndex = types.map((type, index): Entry => {
    const spec = definition[type] as EntrySpec;
    return {
      protocol: name,
      type,
      index,
      lane: LANE[spec.priority ?? "normal"],
      internal: spec.internal ?? false,
      columns: spec.columns ?? false,
      payload: spec.payload,
      reply: spec.reply ?? null,
      fields: numericFields(spec.payload),
      about: spec.about ?? "",
      bytesOf: (spec.bytesOf as Sizer | undefined) ?? sizerOf(spec.payload),
    };
  });
  // Without a prototype, so that a look-up of `constructor` finds no message.
  const entries = Object.assign(
    Object.create(null),
    Object.fromEntries(byIndex.map((entry) => [entry.type, entry])),
  );
  return { name, definition, entries: entries as Protocol<D>["entries"], byIndex };
}

/** The entry named `type`, or null. */
export function entryOf(messages: Protocol, type: string): Entry | null {
  return messages.entries[type] ?? null;
}

/**
 * Checks a message that came from outside.
 *
 * @throws {InvalidMessage} when the type is unknown or internal, or the payload has another shape.
 */
export function parseMessage(
  messages: Protocol,
  type: string,
  payload: unknown,
): { entry: Entry; payload: unknown } {
  const entry = entryOf(messages, type);
  if (entry === null || entry.internal) {
    const known = messages.byIndex.filter((e) => !e.internal).map((e) => e.type).join(", ");
    throw new InvalidMessage(
      `Cannot send "${type}" to a ${messages.name}: expected one of ${known || "no message"}`,
    );
  }
  const parsed = entry.payload.safeParse(payload);
  if (parsed.success) return { entry, payload: parsed.data };
  const issues = parsed.error.issues.map((issue) => ({
    path: issue.path.map(String).join("."),
    message: issue.message,
  }));
  const first = issues[0];
  throw new InvalidMessage(
    `Cannot send "${type}" to a ${messages.name}: ` +
      (first === undefined ? "wrong shape" : `${first.path || "payload"}: ${first.message}`),
    issues,
  );
}

/** JSON Schemas of a protocol's messages that can be sent from outside. */
export interface ProtocolDescription {
  /** Name of the protocol. */
  readonly name: string;
  /**
   * Messages in the order of their declaration; `payload` and `reply` are JSON Schemas, `reply`
   * null for those that can only be told.
   */
  readonly messages: ReadonlyArray<{
    readonly type: string;
    readonly about: string;
    readonly payload: unknown;
    readonly reply: unknown | null;
  }>;
}

/** Describes a protocol for OpenAPI; internal entries are left out. */
export function describeProtocol(messages: Protocol): ProtocolDescription {
  return {
    name: messages.name,
    messages: messages.byIndex.filter((entry) => !entry.internal).map((entry) => ({
      type: entry.type,
      about: entry.about,
      payload: z.toJSONSchema(entry.payload, { unrepresentable: "any", io: "input" }),
      reply: entry.reply === null ? null : z.toJSONSchema(entry.reply, { unrepresentable: "any" }),
    })),
  };
}
