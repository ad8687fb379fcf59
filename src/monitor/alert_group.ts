/**
 * The alerts of several nodes as one: each node judges itself and keeps its book where all see it,
 * and what any of them says is the state of the group.
 *
 * - What is about a node carries its name in the label {@linkcode NODE_LABEL}. What is the same on
 *   all nodes ({@linkcode GROUP_RULES}) does not, so that it has one identity: it fires while it
 * fires on any.
 * - A book that was not written for {@linkcode BOOK_STALE_MS} says nothing any more: its node is
 *   gone, and what fired there has ended.
 *
 * @module
 */

import { type Acknowledgement, type Alert, type AlertReading, SEVERITY_RANK } from "./alert.ts";
import type { BookState } from "./alert_book.ts";
import type { ToldAlerts } from "./alert_outbox.ts";

/** Label of alerts that are about one node. */
export const NODE_LABEL = "node";
/** Longest time between two writings of a book in which something fires. */
export const BOOK_EVERY_MS = 60_000;
/** Three of them that did not come. */
export const BOOK_STALE_MS = 180_000;
/** Books that are kept: one of each node. */
const BOOKS_MAX = 64;

/** Rules about what all nodes have in common: the log, feeds, jobs, receivers, upstreams. */
export const GROUP_RULES: ReadonlySet<string> = new Set([
  "store_not_writable",
  "feed_breaker",
  "provider_breaker",
  "webhook_breaker",
  "webhook_behind",
  "alert_sink_breaker",
  "jobs_missed",
  "backfill_items",
]);

/** A reading as this node says it to the others. */
export function ofNode(reading: AlertReading, node: string): AlertReading {
  if (GROUP_RULES.has(reading.rule)) return reading;
  return { ...reading, labels: { ...reading.labels, [NODE_LABEL]: node } };
}

interface Book {
  readonly at: number;
  readonly active: readonly Alert[];
  readonly past: readonly Alert[];
}

/** The books of the other nodes. */
export class GroupBooks {
  readonly #books = new Map<string, Book>();

  /** Takes what a node has kept last; null = it keeps nothing any more. */
  heard(node: string, state: BookState | null): void {
    this.#books.delete(node);
    if (state === null || this.#books.size >= BOOKS_MAX) return;
    const active = state.held.map(({ alert }) => alert).filter(({ state }) => state !== "resolved");
    this.#books.set(node, { at: state.at, active, past: state.history });
  }

  /** Whether another node says that it fires. */
  fires(id: string, at: number): Alert | null {
    const found = this.#active(at).find((alert) => alert.id === id && alert.state === "firing");
    return found ?? null;
  }

  /** What is wrong anywhere, and what was, at epoch `at`. O(alerts). */
  list(own: { readonly active: readonly Alert[]; readonly past: readonly Alert[] }, at: number) {
    const active = merged([...own.active, ...this.#active(at)])
      .sort((a, b) =>
        SEVERITY_RANK[b.severity] - SEVERITY_RANK[a.severity] || a.startedAt - b.startedAt
      );
    const past = [...own.past, ...this.#past(at)]
      .sort((a, b) => (b.resolvedAt ?? 0) - (a.resolvedAt ?? 0));
    return { active, past };
  }

  /** What was told anywhere; one that fires on any node has not ended. O(alerts). */
  told(own: ToldAlerts, endedSince: number, at: number): ToldAlerts {
    const isTold = ({ state, notified }: Alert) => state === "firing" && notified;
    const firing = merged([...own.firing, ...this.#active(at).filter(isTold)]);
    const ids = new Set(firing.map(({ id }) => id));
    const ended = new Map<string, Alert>();
    for (const alert of [...own.ended, ...this.#past(at)]) {
      const { id, notified, resolvedAt } = alert;
      if (!notified || ids.has(id) || (resolvedAt ?? 0) < endedSince) continue;
      if ((ended.get(id)?.resolvedAt ?? 0) < (resolvedAt ?? 0)) ended.set(id, alert);
    }
    return { firing, ended: [...ended.values()] };
  }

  #active(at: number): Alert[] {
    return [...this.#books.values()].filter((book) => at - book.at < BOOK_STALE_MS)
      .flatMap(({ active }) => active);
  }

  /** What fired on a node that is gone ended when it was given up. */
  #past(at: number): Alert[] {
    return [...this.#books.values()].flatMap((book) => {
      if (at - book.at < BOOK_STALE_MS) return book.past;
      const ended = book.active.filter(({ state }) => state === "firing")
        .map((alert): Alert => ({
          ...alert,
          state: "resolved",
          resolvedAt: book.at + BOOK_STALE_MS,
        }));
      return [...book.past, ...ended];
    });
  }
}

/** One of each identity: firing before pending, the oldest, with the acknowledgement of any. */
function merged(alerts: readonly Alert[]): Alert[] {
  const byId = new Map<string, Alert>();
  for (const alert of alerts) {
    const known = byId.get(alert.id);
    byId.set(alert.id, known === undefined ? alert : both(known, alert));
  }
  return [...byId.values()];
}

function both(a: Alert, b: Alert): Alert {
  const rank = ({ state }: Alert) => state === "firing" ? 1 : 0;
  const first = rank(b) - rank(a) || a.startedAt - b.startedAt;
  const shown = first > 0 ? b : a;
  return {
    ...shown,
    acknowledged: earlier(a.acknowledged, b.acknowledged),
    notified: a.notified || b.notified,
  };
}

function earlier(a: Acknowledgement | null, b: Acknowledgement | null): Acknowledgement | null {
  if (a === null || b === null) return a ?? b;
  return a.at <= b.at ? a : b;
}
