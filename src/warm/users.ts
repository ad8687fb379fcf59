/**
 * What single users ask for most. Only where somebody has opted in: it is data about persons.
 *
 * Each of a bounded number of users has a few places, counted by Space-Saving as in
 * `tracked_keys.ts`. When there is no room for a new user, one leaves who was not there since the
 * clock's hand last passed (second chance), so that a user who comes every day stays.
 *
 * @module
 */

/** Users unless said otherwise: 170 bytes each and their names. */
export const USERS_DEFAULT = 1_000;
/** Most users: 17 MB. */
export const USERS_MAX = 100_000;
/** Keys of a user: people watch a dozen symbols. */
export const FAVOURITES_MAX = 16;
/** Longest name of a user, in characters; others are not kept. */
export const USER_CHARS_MAX = 128;

const NONE = -1;
const GENERATIONS = 0x10000;

/** A slot, and how often a user asked for its key. */
export interface Favourite {
  readonly slot: number;
  /** Never too small; too large by the user's own least count at most. */
  readonly count: number;
}

/** What a snapshot has of {@linkcode UserPatterns}. */
export interface UsersSnapshot {
  readonly names: readonly string[];
  /** {@linkcode FAVOURITES_MAX} for each name; -1 for none. */
  readonly slots: Int32Array<ArrayBuffer>;
  readonly counts: Uint32Array<ArrayBuffer>;
}

/** See the top of the file. */
export class UserPatterns {
  readonly #usersMax: number;
  /** Place of a user. */
  readonly #places = new Map<string, number>();
  readonly #names: (string | null)[] = [];
  readonly #seen: Uint8Array;
  #hand = 0;
  readonly #slots: Int32Array;
  readonly #counts: Uint32Array;
  /** Which of the keys that a slot has had one after the other. */
  readonly #keyOf: Uint16Array;
  readonly #keyNow: Uint16Array;

  /** Of no user; `slots` are those of the tracked keys. */
  constructor(slots: number, usersMax: number = USERS_DEFAULT) {
    if (!(Number.isInteger(usersMax) && usersMax >= 1 && usersMax <= USERS_MAX)) {
      throw new RangeError(
        `Cannot keep patterns of users: expected 1 to ${USERS_MAX}: current value is ${usersMax}`,
      );
    }
    this.#usersMax = usersMax;
    this.#seen = new Uint8Array(usersMax);
    this.#slots = new Int32Array(usersMax * FAVOURITES_MAX).fill(NONE);
    this.#counts = new Uint32Array(usersMax * FAVOURITES_MAX);
    this.#keyOf = new Uint16Array(usersMax * FAVOURITES_MAX);
    this.#keyNow = new Uint16Array(slots);
  }

  /** Users that are known. */
  get size(): number {
    return this.#places.size;
  }

  /** Bytes of its arrays. */
  get bytes(): number {
    return this.#seen.byteLength + this.#slots.byteLength + this.#counts.byteLength +
      this.#keyOf.byteLength + this.#keyNow.byteLength;
  }

  /** A user has asked for the key of a slot. O(1), amortised. */
  record(user: string, slot: number): void {
    if (user.length > USER_CHARS_MAX) return;
    const known = this.#places.get(user);
    const place = known ?? this.#admit(user);
    // Who comes once only is the first to leave.
    if (known !== undefined) this.#seen[place] = 1;
    const from = place * FAVOURITES_MAX, to = from + FAVOURITES_MAX;
    let least = from;
    for (let at = from; at < to; at++) {
      if (!this.#isValid(at)) {
        this.#slots[at] = NONE;
        this.#counts[at] = 0;
      } else if (this.#slots[at] === slot) {
        this.#counts[at] = (this.#counts[at] as number) + 1;
        return;
      }
      if ((this.#counts[at] as number) < (this.#counts[least] as number)) least = at;
    }
    this.#put(least, slot, (this.#counts[least] as number) + 1);
  }

  /** A slot has lost its key. O(1). */
  forget(slot: number): void {
    this.#keyNow[slot] = ((this.#keyNow[slot] as number) + 1) % GENERATIONS;
  }

  /** What a user asks for most, first; empty for one who is not known. */
  favourites(user: string, limit: number = FAVOURITES_MAX): Favourite[] {
    const place = this.#places.get(user);
    return place === undefined ? [] : this.#rowOf(place).slice(0, limit);
  }

  /** Halves counts; users of whom nothing is left go. O(users). */
  halve(): void {
    for (const [user, place] of [...this.#places]) {
      const from = place * FAVOURITES_MAX;
      for (let at = from; at < from + FAVOURITES_MAX; at++) {
        this.#counts[at] = (this.#counts[at] as number) >>> 1;
        if (this.#counts[at] === 0) this.#slots[at] = NONE;
      }
      if (this.#rowOf(place).length > 0) continue;
      this.#places.delete(user);
      this.#names[place] = null;
      this.#seen[place] = 0;
    }
  }

  /** A copy of what is known. O(users). */
  snapshot(): UsersSnapshot {
    const names = [...this.#places.keys()];
    const slots = new Int32Array(names.length * FAVOURITES_MAX).fill(NONE);
    const counts = new Uint32Array(slots.length);
    for (const [row, place] of [...this.#places.values()].entries()) {
      for (const [at, { slot, count }] of this.#rowOf(place).entries()) {
        slots[row * FAVOURITES_MAX + at] = slot;
        counts[row * FAVOURITES_MAX + at] = count;
      }
    }
    return { names, slots, counts };
  }

  /** Takes a snapshot's users, as many as fit; slot i was `from[i]` there. */
  restore(given: UsersSnapshot, from: Int32Array): void {
    const slotNow = new Map<number, number>();
    for (const [slot, old] of from.entries()) if (old >= 0) slotNow.set(old, slot);
    for (const [row, name] of given.names.slice(0, this.#usersMax).entries()) {
      let at = this.#admit(name) * FAVOURITES_MAX;
      for (let old = row * FAVOURITES_MAX; old < (row + 1) * FAVOURITES_MAX; old++) {
        const slot = slotNow.get(given.slots[old] as number);
        if (slot !== undefined) this.#put(at++, slot, given.counts[old] as number);
      }
    }
  }

  #rowOf(place: number): Favourite[] {
    const found: Favourite[] = [];
    for (let at = place * FAVOURITES_MAX; at < (place + 1) * FAVOURITES_MAX; at++) {
      if (!this.#isValid(at)) continue;
      found.push({ slot: this.#slots[at] as number, count: this.#counts[at] as number });
    }
    return found.sort((a, b) => b.count - a.count || a.slot - b.slot);
  }

  /** Whether the slot there still has the key that was counted. */
  #isValid(at: number): boolean {
    const slot = this.#slots[at] as number;
    return slot !== NONE && this.#keyOf[at] === this.#keyNow[slot];
  }

  #put(at: number, slot: number, count: number): void {
    this.#slots[at] = slot;
    this.#counts[at] = count;
    this.#keyOf[at] = this.#keyNow[slot] as number;
  }

  /** A place for a user who has none. */
  #admit(user: string): number {
    while ((this.#names[this.#hand] ?? null) !== null && this.#seen[this.#hand] === 1) {
      this.#seen[this.#hand] = 0;
      this.#hand = (this.#hand + 1) % this.#usersMax;
    }
    const place = this.#hand;
    this.#hand = (this.#hand + 1) % this.#usersMax;
    const before = this.#names[place] ?? null;
    if (before !== null) this.#places.delete(before);
    this.#names[place] = user;
    this.#places.set(user, place);
    this.#seen[place] = 0;
    const from = place * FAVOURITES_MAX;
    this.#slots.fill(NONE, from, from + FAVOURITES_MAX);
    this.#counts.fill(0, from, from + FAVOURITES_MAX);
    return place;
  }
}
