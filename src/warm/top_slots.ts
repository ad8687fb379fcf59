/**
 * The slots with the highest scores out of all that are offered: a bounded heap, the lowest on top.
 *
 * @module
 */

/** O(log limit) an offer that is among the highest so far, O(1) any other. 12 bytes a place. */
export class TopSlots {
  readonly #scores: Float64Array;
  readonly #slots: Int32Array;
  #size = 0;

  /** Keeps at most `limit`. */
  constructor(limit: number) {
    const places = Math.max(0, Math.floor(limit));
    this.#scores = new Float64Array(places);
    this.#slots = new Int32Array(places);
  }

  /** Offers a slot; one whose score is not above 0 is not taken. Of equals the first are kept. */
  offer(slot: number, score: number): void {
    const scores = this.#scores;
    if (!(score > 0)) return;
    if (this.#size < scores.length) this.#up(this.#size++, slot, score);
    else if (score > (scores[0] ?? Infinity)) this.#down(slot, score, this.#size);
  }

  /** Calls `each` with every slot, the highest first; nothing is left then. */
  take<T>(each: (slot: number, score: number) => T): T[] {
    const size = this.#size;
    const scores = this.#scores, slots = this.#slots;
    // Sorts in place: the lowest goes behind what is left of the heap.
    while (this.#size > 1) {
      const last = --this.#size;
      const slot = slots[last] as number, score = scores[last] as number;
      slots[last] = slots[0] as number;
      scores[last] = scores[0] as number;
      this.#down(slot, score, last);
    }
    this.#size = 0;
    return Array.from({ length: size }, (_, at) => each(slots[at] as number, scores[at] as number));
  }

  /** Whether a place's slot is to leave before this one. */
  #isBelow(at: number, slot: number, score: number): boolean {
    const other = this.#scores[at] as number;
    return other < score || (other === score && (this.#slots[at] as number) > slot);
  }

  #up(from: number, slot: number, score: number): void {
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#isBelow(parent, slot, score)) break;
      this.#move(parent, at);
      at = parent;
    }
    this.#put(at, slot, score);
  }

  #down(slot: number, score: number, size: number): void {
    let at = 0;
    for (let child = 1; child < size; child = 2 * at + 1) {
      const right = child + 1;
      if (
        right < size &&
        this.#isBelow(right, this.#slots[child] as number, this.#scores[child] as number)
      ) child = right;
      if (!this.#isBelow(child, slot, score)) break;
      this.#move(child, at);
      at = child;
    }
    this.#put(at, slot, score);
  }

  #move(from: number, to: number): void {
    this.#put(to, this.#slots[from] as number, this.#scores[from] as number);
  }

  #put(at: number, slot: number, score: number): void {
    this.#slots[at] = slot;
    this.#scores[at] = score;
  }
}
