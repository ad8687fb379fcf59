/**
 * Which keys are worth fetching because of what is being read now: the core of the predictive
 * strategy. What follows what is counted in `association.ts`; whether such a guess is worth it is
 * measured in `gate.ts`, on the outcomes that `successors_trials.ts` collects.
 *
 * The chance of a proposal is that its key is asked for before an entry fetched now would end, at
 * most an hour from now. It is measured, not assumed: guesses that are not acted on are followed
 * like those that are, so what the workload does not repeat is not fetched to find that out.
 *
 * @module
 */

import { Association, SUCCESSORS_MAX } from "./association.ts";
import { Gate, type GateSnapshot } from "./gate.ts";
import { Trials } from "./successors_trials.ts";

/** Clients with a window unless said otherwise: 34 bytes each and their names. */
const CLIENTS_MAX = 1_024;

/**
 * A guess comes true within so long or not at all, ms: what is asked for hours later was not asked
 * for because of this key, and nobody tells how long a cache keeps what has a TTL of days.
 */
const HORIZON_MAX_MS = 3_600_000;

/** What {@linkcode Successors} is made of. */
export interface SuccessorsOptions {
  /** Slots of tracked keys are 0 to this, not included. */
  readonly slotsMax: number;
  /** Clients whose last keys are remembered. */
  readonly clientsMax?: number;
  /**
   * How long the entry of a key is of use if it is fetched now, ms; 0 when there is no need, since
   * the cache has it or is about to. Asked for every successor of every key that is read: < 100
   * ns.
   */
  readonly lifeMs: (slot: number, atMs: number) => number;
}

/** What outlives the process; see {@linkcode Successors.snapshot}. */
export interface SuccessorsSnapshot {
  readonly rows: Uint32Array;
  readonly gate: GateSnapshot;
}

/** See the top of the file. */
export class Successors {
  /** Proposals of the last {@linkcode Successors.propose}, the best first. */
  readonly slots = new Uint32Array(SUCCESSORS_MAX);
  /** Their chances. */
  readonly chances = new Float64Array(SUCCESSORS_MAX);
  readonly #association: Association;
  readonly #gate = new Gate();
  readonly #trials: Trials;
  readonly #lifeMs: (slot: number, atMs: number) => number;
  readonly #confidences = new Float64Array(SUCCESSORS_MAX);
  readonly #found = new Uint32Array(SUCCESSORS_MAX);

  /** One that has learned nothing. */
  constructor(options: SuccessorsOptions) {
    const { slotsMax, clientsMax = CLIENTS_MAX } = options;
    this.#association = new Association(slotsMax, clientsMax);
    this.#trials = new Trials(slotsMax, this.#gate);
    this.#lifeMs = options.lifeMs;
  }

  /** Bytes of its arrays. */
  get bytes(): number {
    return this.#association.bytes + this.#gate.bytes + this.#trials.bytes;
  }

  /**
   * Hears of an access. `isAbsent`: somebody had to wait for it, or nobody knows. O(1), about 0.2
   * µs.
   */
  accessed(client: string | null, slot: number, atMs: number, isAbsent: boolean): void {
    this.#trials.accessed(this.#association.identityOf(slot), atMs, isAbsent);
    this.#association.accessed(client, slot, isAbsent);
  }

  /**
   * What to fetch, now that a key was read: successors whose chance is at least `chanceMin`, at
   * most `limit` of them, the best first, into `slots` and `chances`. Comes after `accessed`.
   * O(1).
   *
   * @returns how many.
   */
  propose(slot: number, atMs: number, chanceMin: number, limit: number): number {
    const { slots, chances } = this;
    const found = this.#association.successors(slot, this.#found, this.#confidences);
    const accesses = found === 0 ? 0 : this.#association.accessesOf(slot);
    let count = 0;
    for (let at = 0; at < found; at++) {
      const next = this.#found[at] as number;
      const lifeMs = Math.min(HORIZON_MAX_MS, this.#lifeMs(next, atMs));
      if (!(lifeMs > 0)) continue;
      const bucket = this.#gate.bucketOf(accesses, this.#confidences[at] as number, lifeMs);
      this.#trials.guess(this.#association.identityOf(next), bucket, atMs, atMs + lifeMs);
      const chance = this.#gate.chance(bucket);
      if (chance < chanceMin) continue;
      let place = count++;
      for (; place > 0 && (chances[place - 1] as number) < chance; place--) {
        chances[place] = chances[place - 1] as number;
        slots[place] = slots[place - 1] as number;
      }
      chances[place] = chance;
      slots[place] = next;
    }
    return Math.min(count, limit);
  }

  /**
   * The cache has got a key because it was proposed: if it is absent when it is asked for, the
   * guess was of no use. O(1).
   */
  fetched(slot: number): void {
    this.#trials.fetched(this.#association.identityOf(slot));
  }

  /** The slot is another key's from now on. O(1). */
  forget(slot: number): void {
    this.#association.forget(slot);
  }

  /** What was learned, as plain data. O(slotsMax). */
  snapshot(): SuccessorsSnapshot {
    return { rows: this.#association.snapshot(), gate: this.#gate.snapshot() };
  }

  /**
   * Goes on from a snapshot whose slots are the same keys'. O(slotsMax).
   *
   * @returns whether it was taken; otherwise nothing has changed.
   */
  restore(snapshot: unknown): boolean {
    if (typeof snapshot !== "object" || snapshot === null) return false;
    const { rows, gate } = snapshot as Partial<Record<keyof SuccessorsSnapshot, unknown>>;
    if (!this.#association.restore(rows)) return false;
    this.#gate.restore(gate);
    return true;
  }

  /** Throws when it is not as it must be. O(slotsMax). */
  invariant(): void {
    this.#association.invariant();
  }
}
