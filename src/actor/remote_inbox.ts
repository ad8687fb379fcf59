/**
 * What comes in from other nodes: messages for actors here, replies to what actors here asked, and
 * who is watched. Nothing of it is believed.
 *
 * @module
 */

import { ASK_TIMEOUT_MAX_MS, PendingAsk } from "./ask.ts";
import { ActorFailed, ActorStopped, InvalidMessage, Overflow } from "./errors.ts";
import { MailboxNode } from "./mailbox_node.ts";
import type { ExitReason } from "./node.ts";
import { LANE, NO_ENTRY } from "./protocol.ts";
import { ByteWriter } from "./remote_bytes.ts";
import { decodeFailure, encodeFailure } from "./remote_errors.ts";
import {
  failureRecord,
  type FrameRecord,
  type MessageRecord,
  RECORD,
  replyRecord,
} from "./remote_frame.ts";
import type { PeerLink } from "./remote_peer.ts";
import { valueOf, writeValue } from "./remote_value.ts";
import type { System } from "./system.ts";

/** Actors here that one peer may watch. */
const WATCHED_MAX = 65_536;

/** See the module's text. */
export class Inbox {
  /** Messages that came in. */
  received = 0;
  /** Of these, those that no mailbox was asked to take. */
  refused = 0;
  /** Replies and watches that were given up. */
  repliesLost = 0;
  readonly #system: System;
  readonly #allow: ReadonlySet<string>;
  readonly #messageBytes: number;

  /** `allow` names the internal messages that may come in; a reply has at most `messageBytes`. */
  constructor(system: System, allow: readonly string[], messageBytes: number) {
    this.#system = system;
    this.#allow = new Set(allow);
    this.#messageBytes = messageBytes;
  }

  /** Takes a record that came in over a link. */
  take(link: PeerLink, record: FrameRecord): void {
    switch (record.kind) {
      case RECORD.tell:
      case RECORD.ask:
        return this.#message(link, record);
      case RECORD.reply:
        return this.#replied(link, record.id, record.value);
      case RECORD.failure: {
        const ask = link.asks.get(record.id);
        if (ask === undefined) return;
        const { path, type, timeoutMs } = ask;
        return ask.reject(decodeFailure(record.failure, path, type, timeoutMs));
      }
      case RECORD.watch:
        return this.#watchFor(link, record.id, record.path);
      case RECORD.unwatch:
        link.watched.get(record.id)?.();
        link.watched.delete(record.id);
    }
  }

  #absolute(path: string): string {
    return path.startsWith("/") ? path : `${this.#system.root.path}/${path}`;
  }

  #message(link: PeerLink, record: MessageRecord): void {
    this.received++;
    const path = this.#absolute(record.path);
    const { type, cause } = record;
    const ask = record.kind === RECORD.ask ? this.#askBack(link, record, path) : null;
    const node = this.#system.nodeAt(path);
    const entry = node instanceof MailboxNode ? node.protocol.entries[type] : undefined;
    const read = payloadOf(record.payload);
    const refuse = (reason: "stopped" | "unhandled", error: Error) => {
      this.refused++;
      const known = entry ?? { ...NO_ENTRY, type };
      this.#system.lost(path, known, read.value, reason, cause, error);
      ask?.reject(reason === "stopped" ? error : new ActorFailed(path, type, error));
    };
    if (!(node instanceof MailboxNode)) return refuse("stopped", new ActorStopped(path, type));
    if (entry === undefined) {
      return refuse("unhandled", new TypeError("its protocol has no such message"));
    }
    const { name } = node.protocol;
    if (entry.internal && !this.#allow.has(`${name}.${type}`)) {
      return refuse("unhandled", new InvalidMessage(`Cannot send "${type}" from another node`));
    }
    const parsed = read.isSound ? entry.payload.safeParse(read.value) : null;
    if (parsed?.success !== true) return refuse("unhandled", wrongShape(name, type, parsed?.error));
    const lane = record.lane <= LANE.low ? record.lane : entry.lane;
    if (ask !== null && node.accepting) this.#setDeadline(ask, record.timeoutMs);
    const trail = record.trace === "" ? null : this.#system.tracing?.fromWire(record.trace) ?? null;
    const carried = trail === null
      ? ask
      : this.#system.tracing?.tracedBelow(trail, ask, path, entry, parsed.data) ?? ask;
    node.deliver(entry, parsed.data, lane, carried, cause);
  }

  #setDeadline(ask: PendingAsk, timeoutMs: number): void {
    const { asks, scheduler } = this.#system;
    scheduler.wake();
    const isSound = timeoutMs > 0 && timeoutMs <= ASK_TIMEOUT_MAX_MS;
    asks.add(ask, isSound ? timeoutMs : ASK_TIMEOUT_MAX_MS, scheduler.nowMs);
  }

  /** An ask whose reply goes to the other node. */
  #askBack(link: PeerLink, { id, type }: MessageRecord, path: string): PendingAsk {
    const fail = (error: Error) => {
      const record = failureRecord(id, encodeFailure(error, path, type));
      if (!link.queueRecord(record)) this.repliesLost++;
    };
    const reply = (value: unknown) => {
      const encoded = encodedValue(value);
      const messageBytes = this.#messageBytes;
      if (encoded instanceof Error) return fail(new ActorFailed(path, type, encoded));
      if (encoded.length > messageBytes) {
        return fail(
          new Overflow(path, type, `its reply: ${tooLarge(encoded.length, messageBytes)}`),
        );
      }
      if (!link.queueRecord(replyRecord(id, encoded))) this.repliesLost++;
    };
    return new PendingAsk(reply, fail, path, type);
  }

  /** A reply to an ask, or the end of an actor that is watched. */
  #replied(link: PeerLink, id: number, bytes: Uint8Array): void {
    const ask = link.asks.get(id);
    if (ask === undefined) return this.#stoppedThere(link, id, bytes);
    const { entry, path, type } = ask;
    const { value, isSound } = payloadOf(bytes);
    const parsed = !isSound
      ? null
      : entry.reply === null
      ? { success: true, data: value, error: undefined } as const
      : entry.reply.safeParse(value);
    if (parsed?.success === true) return ask.reply(parsed.data);
    const why = `Cannot read the reply: ${firstIssue("reply", parsed?.error)}`;
    ask.reject(new ActorFailed(path, type, new InvalidMessage(why)));
  }

  #stoppedThere(link: PeerLink, id: number, bytes: Uint8Array): void {
    const watcher = link.watches.get(id);
    if (watcher === undefined) return;
    link.watches.delete(id);
    const { value } = payloadOf(bytes);
    watcher(EXITS.find((reason) => reason === value) ?? "crash");
  }

  #watchFor(link: PeerLink, id: number, path: string): void {
    if (link.watched.has(id)) return;
    const tell = (reason: ExitReason) => {
      link.watched.delete(id);
      const encoded = encodedValue(reason);
      if (encoded instanceof Error || !link.queueRecord(replyRecord(id, encoded))) {
        this.repliesLost++;
      }
    };
    if (link.watched.size >= WATCHED_MAX) return tell("crash");
    link.watched.set(id, () => {});
    const cancel = this.#system.watch(this.#absolute(path), (_, reason) => tell(reason));
    if (link.watched.has(id)) link.watched.set(id, cancel);
  }
}

const EXITS: readonly ExitReason[] = ["normal", "shutdown", "crash", "killed"];

const values = new ByteWriter();

/** A value as it travels, or why it cannot. O(its parts). */
export function encodedValue(value: unknown): Uint8Array | Error {
  values.clear();
  try {
    writeValue(values, value);
    return values.copied();
  } catch (error) {
    return error instanceof Error ? error : new TypeError("Cannot read what is to be sent");
  }
}

/** Why something of so many bytes is refused. */
export function tooLarge(bytes: number, bytesMax: number): string {
  return `it has ${bytes} bytes, and at most ${bytesMax} go to another node at a time`;
}

function payloadOf(bytes: Uint8Array): { readonly value: unknown; readonly isSound: boolean } {
  try {
    return { value: valueOf(bytes), isSound: true };
  } catch {
    return { value: null, isSound: false };
  }
}

interface Issues {
  readonly issues: ReadonlyArray<{ readonly path: PropertyKey[]; readonly message: string }>;
}

function wrongShape(name: string, type: string, error: Issues | undefined): InvalidMessage {
  const why = firstIssue("payload", error);
  return new InvalidMessage(`Cannot send "${type}" to a ${name}: ${why}`);
}

function firstIssue(whole: string, error: Issues | undefined): string {
  const first = error?.issues[0];
  if (first === undefined) return "it is no value";
  return `${first.path.map(String).join(".") || whole}: ${first.message}`;
}
