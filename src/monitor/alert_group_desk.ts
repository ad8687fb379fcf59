/**
 * What a monitor does about the alerts of the other nodes: it reads the books that they keep,
 * answers for all of them, and passes on who cares.
 *
 * @module
 */

import type { Acknowledgement, AlertEvent } from "./alert.ts";
import { type AckResult, ALERTS_MAX, type BookState } from "./alert_book.ts";
import type { AlertDesk } from "./alert_desk.ts";
import { GroupBooks } from "./alert_group.ts";
import type { ToldAlerts } from "./alert_outbox.ts";
import type { DeskSurroundings } from "./desk.ts";

/** A record of the group; null = it was dropped. */
export interface GroupRecord {
  readonly kind: string;
  readonly key: string;
  readonly json: string | null;
}

/** Records that were read. */
export interface GroupNews {
  /** All that there are. */
  readonly isWhole: boolean;
  readonly records: readonly GroupRecord[];
}

/** Where the records are; everything rejects when the store does not answer. */
export interface GroupStore {
  /** Kind of the books, as `alerts@NODE`. */
  readonly kind: string;
  list(kind: string): Promise<readonly { readonly key: string; readonly json: string }[]>;
  get(kind: string, key: string): Promise<string | null>;
  put(kind: string, key: string, json: string): Promise<void>;
  drop(kind: string, key: string): Promise<void>;
  /** Checks a book; null for what is none. */
  readBook(json: unknown): BookState | null;
}

/** What the monitor lends. */
export interface GroupSurroundings extends DeskSurroundings {
  /** Takes what was read; it comes back to {@linkcode AlertGroupDesk.heard}. */
  readonly answer: (news: GroupNews) => void;
}

/** Between two looks at all that the other nodes have kept, ms: news of it may be missed. */
export const GROUP_EVERY_MS = 60_000;
/** Kind of the records that tell all nodes of an acknowledgement; the key is the alert's id. */
const ACK_KIND = "alert_ack";
/** What the books of nodes are called, before their names. */
const BOOK = "alerts@";
/** An acknowledgement that is older has been heard, or is of an alert that has ended, ms. */
const ACK_KEPT_MS = 86_400_000;

/** See the module. */
export class AlertGroupDesk {
  readonly #node: string;
  readonly #desk: AlertDesk;
  readonly #store: GroupStore;
  readonly #around: GroupSurroundings;
  readonly #books = new GroupBooks();
  /** Everything was read once. */
  #isKnown = false;

  /** One of the node of this name. */
  constructor(node: string, desk: AlertDesk, store: GroupStore, around: GroupSurroundings) {
    this.#node = node;
    this.#desk = desk;
    this.#store = store;
    this.#around = around;
  }

  /** Reads what changed, or everything. */
  look(changed: readonly { readonly kind: string; readonly key: string }[] | null): void {
    const kinds = [this.#store.kind, ACK_KIND];
    const mine = changed?.filter(({ kind }) => kinds.includes(kind)) ?? null;
    if (mine?.length === 0) return;
    const read = mine === null
      ? Promise.all(
        kinds.map(async (kind) =>
          (await this.#store.list(kind)).map((record): GroupRecord => ({ kind, ...record }))
        ),
      ).then((all) => all.flat())
      : Promise.all(mine.map(async ({ kind, key }): Promise<GroupRecord> => ({
        ...{ kind, key },
        json: await this.#store.get(kind, key),
      })));
    read.then(
      (records) => this.#around.answer({ isWhole: mine === null, records }),
      // The next news, or the next look, finds it.
      () => {},
    );
  }

  /** Takes what was read. */
  heard({ isWhole, records }: GroupNews): void {
    this.#isKnown ||= isWhole;
    for (const { kind, key, json } of records) {
      if (kind === ACK_KIND) {
        if (json !== null) this.#acknowledged(key, JSON.parse(json) as Acknowledgement);
        continue;
      }
      const node = key.slice(BOOK.length);
      if (!key.startsWith(BOOK) || node === this.#node) continue;
      this.#books.heard(node, json === null ? null : this.#store.readBook(JSON.parse(json)));
    }
  }

  #acknowledged(id: string, { by, note, at }: Acknowledgement): void {
    // Not of one that fires again since.
    const firedAt = this.#desk.list(0).active.find((alert) => alert.id === id)?.firedAt ?? Infinity;
    if (firedAt <= at) this.#desk.acknowledge(id, by, note, at);
    if (this.#around.clock.wallNow() - at < ACK_KEPT_MS) return;
    this.#store.drop(ACK_KIND, id).catch(() => {});
  }

  /** Active and past ones of all nodes. */
  list(past: number) {
    const all = this.#books.list(this.#desk.list(past), this.#around.clock.wallNow());
    return { active: all.active.slice(0, ALERTS_MAX), past: all.past.slice(0, past) };
  }

  /** Those of all nodes that were told; null before it knows what was kept. */
  told(endedSince: number): ToldAlerts | null {
    const own = this.#desk.told(endedSince);
    if (own === null || !this.#isKnown) return null;
    return this.#books.told(own, endedSince, this.#around.clock.wallNow());
  }

  /** Somebody cares: all nodes that have it hear of it. */
  acknowledge(id: string, by: string, note: string): AckResult {
    const { clock, log } = this.#around;
    const at = clock.wallNow();
    const elsewhere = this.#books.fires(id, at);
    const done = this.#desk.acknowledge(id, by, note, at);
    if (elsewhere === null || done.state === "known") return done;
    if (done.state === "unknown" && elsewhere.acknowledged !== null) {
      return { state: "known", alert: elsewhere };
    }
    this.#store.put(ACK_KIND, id, JSON.stringify({ by, note, at })).catch((error) =>
      log("warn", "the other nodes could not be told who cares", { reason: String(error) })
    );
    if (done.state === "acknowledged") return done;
    const alert = { ...elsewhere, acknowledged: { by, at, note } };
    const event: AlertEvent = { type: "acknowledged", at, alert };
    return { state: "acknowledged", event };
  }
}
