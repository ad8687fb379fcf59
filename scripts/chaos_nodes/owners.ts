/**
 * Who owned a partition when it was written to, by the moves of the group and the times of the log's
 * own clock: what a fence is for, looked at from outside.
 *
 * ## What can be judged
 * The group remembers its last moves only, and is looked at now and then. A look that finds none of the
 * moves that were seen before has missed some: between the look before and the first move that is still
 * told of, owners are not known, save of partitions whose owner says that it has been one for longer.
 * Writes in that time are counted as not judged. Neither is one judged before the group was looked at
 * later than it was made, since it may have moved until then.
 *
 * Of moves in the same ms as a write nobody can say which came first: any of the owners may have written.
 *
 * @module
 */

import { PARTITIONS } from "../../src/market/partition.ts";
import { GROUP_BOUNDS, type GroupView, type Move } from "../../src/store/log/port.ts";

/** What was found. */
export interface OwnerFindings {
  /** Writes of which it is known who might have made them. */
  readonly judged: number;
  /** Writes of which it is not. */
  readonly unjudged: number;
  /** Those of the judged that were made by a node that did not own what it wrote to. */
  readonly stale: number;
  /** Some of these, in words. */
  readonly examples: readonly string[];
}

/** What the history needs of a view. */
export type OwnersView = Pick<GroupView, "atMs" | "nodes" | "owners" | "moves">;

interface Write {
  readonly partition: number;
  readonly session: string;
  /** Epoch ms of the log's clock. */
  readonly atMs: number;
}

/** Name of an owner; null = nobody, {@linkcode UNSEEN} = not known. */
type Owner = string | null;

interface Turn {
  readonly atMs: number;
  /** From then on. */
  readonly owner: Owner;
}

/** No name of a node. */
const UNSEEN = "?";
/** Stale writes that are told of as examples. */
const EXAMPLES_MAX = 3;

/** See the module's text. */
export class OwnerHistory {
  /** Names of nodes by session. */
  readonly #names = new Map<string, string>();
  /** Of each partition, in their order. */
  readonly #turns: Turn[][] = Array.from({ length: PARTITIONS }, () => []);
  /** Writes that are no older than the last look. */
  #waiting: Write[] = [];
  /** Newest move that was seen. */
  #newest: string | null = null;
  /** When the group was looked at last, by the log's clock. */
  #seenMs = -Infinity;
  #judged = 0;
  #unjudged = 0;
  #stale = 0;
  readonly #examples: string[] = [];

  /** The group as it is now. Returns the moves that were not seen before, oldest first. */
  saw(view: OwnersView): readonly Move[] {
    for (const { session, node } of [...view.nodes, ...view.owners]) {
      this.#names.set(session, node);
    }
    const known = view.moves.findIndex((move) => JSON.stringify(move) === this.#newest);
    const fresh = (known < 0 ? view.moves : view.moves.slice(0, known)).toReversed();
    const isFromBegin = this.#newest === null && fresh.length < GROUP_BOUNDS.moves;
    if (known < 0 && !isFromBegin) this.#missed(view, fresh);
    for (const { partitions, to, atMs } of fresh) {
      for (const partition of partitions) this.#turns[partition]?.push({ atMs, owner: to });
    }
    const [newest] = view.moves;
    if (newest !== undefined) this.#newest = JSON.stringify(newest);
    this.#seenMs = view.atMs;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const write of waiting) this.#take(write);
    return fresh;
  }

  /** A session wrote to a partition. */
  wrote(partition: number, session: string, atMs: number): void {
    this.#take({ partition, session, atMs });
  }

  /** What was found until now. */
  get findings(): OwnerFindings {
    return {
      judged: this.#judged,
      unjudged: this.#unjudged + this.#waiting.length,
      stale: this.#stale,
      examples: [...this.#examples],
    };
  }

  /** Moves before `fresh` were not seen. */
  #missed({ atMs, owners }: OwnersView, fresh: readonly Move[]): void {
    const firstMs = fresh[0]?.atMs ?? atMs;
    this.#turns.forEach((turns, partition) => {
      const next = fresh.find(({ partitions }) => partitions.includes(partition));
      const held = owners.find((each) => each.partition === partition);
      const owner = next === undefined ? held?.node ?? null : next.from;
      const knownMs = next === undefined ? held?.sinceMs ?? firstMs : firstMs;
      if (knownMs < this.#seenMs) return;
      turns.push({ atMs: this.#seenMs, owner: UNSEEN }, { atMs: knownMs, owner });
    });
  }

  #take(write: Write): void {
    const { partition, session, atMs } = write;
    if (atMs >= this.#seenMs) return void this.#waiting.push(write);
    const name = this.#names.get(session);
    const owners = ownersAt(this.#turns[partition] ?? [], atMs);
    if (name === undefined || owners.includes(UNSEEN)) return void this.#unjudged++;
    this.#judged++;
    if (owners.includes(name)) return;
    this.#stale++;
    if (this.#examples.length === EXAMPLES_MAX) return;
    const text = owners.map((owner) => owner ?? "nobody").join(" or ");
    this.#examples.push(`partition ${partition} of ${text} at ${atMs}: written to by ${name}`);
  }
}

/** Who owned it in that ms, last first: several when it moved within it. */
function ownersAt(turns: readonly Turn[], atMs: number): Owner[] {
  const at = turns.findLastIndex((turn) => turn.atMs <= atMs);
  const owners: Owner[] = [turns[at]?.owner ?? null];
  for (let i = at; turns[i]?.atMs === atMs; i--) owners.push(turns[i - 1]?.owner ?? null);
  return owners;
}
