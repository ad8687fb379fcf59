/**
 * The twin of the invalidation stream in memory: several subscribers in one process, and gaps on
 * demand.
 *
 * @module
 */

import {
  decodeMessage,
  encodeMessage,
  type InvalidationMessage,
  type InvalidationStream,
  type InvalidationSubscriber,
  type StreamStatus,
} from "../../../src/store/cache/invalidation_stream.ts";

/** Messages that a subscriber without a connection may miss before they count as a gap. */
const MISSED_MAX_DEFAULT = 10_000;

/** What the members of one stream share. */
export class MemoryStreamHub {
  readonly #members = new Set<MemoryStream>();
  readonly #missedMax: number;

  /** `missedMax`: messages kept for a member that is disconnected. */
  constructor(missedMax: number = MISSED_MAX_DEFAULT) {
    this.#missedMax = missedMax;
  }

  /** A member, as one process would have. */
  join(): MemoryStream {
    const member = new MemoryStream(this.#missedMax, {
      publish: (text) => {
        for (const other of this.#members) if (other !== member) other.receive(text);
      },
      leave: () => this.#members.delete(member),
    });
    this.#members.add(member);
    return member;
  }
}

interface Hub {
  publish(text: string): void;
  leave(): void;
}

/** One member; messages arrive in the next microtask. */
export class MemoryStream implements InvalidationStream {
  readonly #hub: Hub;
  readonly #missedMax: number;
  #subscriber: InvalidationSubscriber | null = null;
  #isConnected = true;
  #outbox: string[] = [];
  #inbox: string[] = [];
  #isTrimmed = false;
  #counts = { published: 0, received: 0, gaps: 0 };

  /** Made by {@linkcode MemoryStreamHub.join}. */
  constructor(missedMax: number, hub: Hub) {
    this.#missedMax = missedMax;
    this.#hub = hub;
  }

  publish(message: InvalidationMessage): void {
    this.#outbox.push(encodeMessage(message));
    this.#send();
  }

  subscribe(subscriber: InvalidationSubscriber): () => void {
    this.#subscriber = subscriber;
    this.#inbox = [];
    this.#gap("the beginning");
    return () => {
      if (this.#subscriber === subscriber) this.#subscriber = null;
    };
  }

  status(): StreamStatus {
    return {
      state: this.#isConnected ? "up" : "down",
      waiting: this.#outbox.length,
      repeated: 0,
      lastError: null,
      ...this.#counts,
    };
  }

  close(): Promise<void> {
    this.#hub.leave();
    this.#subscriber = null;
    return Promise.resolve();
  }

  /** Cuts this member off: it neither sends nor receives. */
  disconnect(): void {
    this.#isConnected = false;
  }

  /** Ends that: what was missed arrives, or a gap when it was too much. */
  reconnect(): void {
    this.#isConnected = true;
    if (this.#isTrimmed) this.#gap("trimmed");
    this.#isTrimmed = false;
    this.#send();
    this.#deliver();
  }

  /** A message of another member. */
  receive(text: string): void {
    this.#inbox.push(text);
    if (this.#inbox.length > this.#missedMax) {
      this.#inbox = [];
      this.#isTrimmed = true;
    }
    queueMicrotask(() => this.#deliver());
  }

  #send(): void {
    if (!this.#isConnected) return;
    this.#counts.published += this.#outbox.length;
    for (const text of this.#outbox.splice(0)) this.#hub.publish(text);
  }

  #deliver(): void {
    if (!this.#isConnected || this.#subscriber === null) return;
    for (const text of this.#inbox.splice(0)) {
      const message = decodeMessage(text);
      if (message === null) continue;
      this.#counts.received++;
      this.#subscriber.onInvalidation(message);
    }
  }

  #gap(reason: string): void {
    this.#counts.gaps++;
    this.#subscriber?.onGap(reason);
  }
}
