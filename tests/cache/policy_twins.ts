/**
 * Policies as slow and plain as they can be written, to compare the real ones with: every list is an
 * array, its front first.
 *
 * @module
 */

/** A cache of keys. */
export interface PolicyTwin {
  /** Asks for a key and puts it in when it is not there; whether it was. */
  access(key: string): boolean;
}

/** S4LRU. */
export class HybridTwin implements PolicyTwin {
  readonly #lists: string[][] = [[], [], [], []];

  constructor(readonly entriesMax: number) {}

  access(key: string): boolean {
    const lists = this.#lists;
    const step = lists.findIndex((list) => list.includes(key));
    if (step >= 0) {
      remove(lists[step] as string[], key);
      lists[Math.min(3, step + 1)]?.unshift(key);
      const entries = lists.flat().length;
      const quarter = Math.max(1, Math.floor(entries / 4));
      for (let at = 3; at > 0; at--) {
        while ((lists[at] as string[]).length > quarter) {
          lists[at - 1]?.unshift(lists[at]?.pop() as string);
        }
      }
      return true;
    }
    if (lists.flat().length === this.entriesMax) lists.find((list) => list.length > 0)?.pop();
    lists[0]?.unshift(key);
    return false;
  }
}

/** LFU-DA with leads of at most `leadMax`: a list of entries with their ranks. */
export class LfuTwin implements PolicyTwin {
  readonly #entries: { key: string; rank: number; order: number }[] = [];
  #age = 0;
  #order = 0;

  constructor(readonly entriesMax: number, readonly leadMax: number) {}

  access(key: string): boolean {
    const found = this.#entries.find((entry) => entry.key === key);
    if (found !== undefined) {
      found.rank = Math.min(found.rank + 1, this.#age + this.leadMax);
      found.order = this.#order++;
      return true;
    }
    if (this.#entries.length === this.entriesMax) {
      this.#entries.sort((a, b) => a.rank - b.rank || a.order - b.order);
      this.#age = (this.#entries.shift() as { rank: number }).rank;
    }
    this.#entries.push({ key, rank: this.#age + 1, order: this.#order++ });
    return false;
  }
}

/** S3-FIFO as in its paper. */
export class S3FifoTwin implements PolicyTwin {
  readonly #small: string[] = [];
  readonly #main: string[] = [];
  readonly #reads = new Map<string, number>();
  /** The latest first; null where one was taken. */
  readonly #ghost: (string | null)[] = [];

  constructor(readonly entriesMax: number) {}

  access(key: string): boolean {
    const reads = this.#reads.get(key);
    if (reads !== undefined) {
      this.#reads.set(key, Math.min(3, reads + 1));
      return true;
    }
    while (this.#small.length + this.#main.length === this.entriesMax) this.#evict();
    const place = this.#ghost.indexOf(key);
    if (place >= 0) this.#ghost[place] = null;
    (place >= 0 ? this.#main : this.#small).unshift(key);
    this.#reads.set(key, 0);
    return false;
  }

  #evict(): void {
    const entries = this.#small.length + this.#main.length;
    const isSmallFull = this.#small.length >= Math.max(1, Math.floor(entries / 10));
    if (this.#small.length > 0 && (isSmallFull || this.#main.length === 0)) {
      const key = this.#small.pop() as string;
      if ((this.#reads.get(key) as number) >= 2) {
        this.#reads.set(key, 0);
        this.#main.unshift(key);
        return;
      }
      this.#reads.delete(key);
      this.#ghost.unshift(key);
      if (this.#ghost.length > Math.ceil(this.entriesMax * 0.9)) this.#ghost.pop();
      return;
    }
    const key = this.#main.pop() as string;
    const reads = this.#reads.get(key) as number;
    if (reads > 0) {
      this.#reads.set(key, reads - 1);
      this.#main.unshift(key);
    } else this.#reads.delete(key);
  }
}

function remove(list: string[], key: string): void {
  list.splice(list.indexOf(key), 1);
}
