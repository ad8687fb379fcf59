/**
 * The slow twin of a table: what was set and has not left, in a Map in the order of use, and which of
 * it is protected. It does not know whom a policy will evict (but for `lru`), only whom it may.
 *
 * @module
 */

/** What is stored: each value is set once. */
export interface ModelValue {
  readonly id: number;
  readonly weightBytes: number;
}

/** What was said when it was set, and what became of it. */
export interface TwinEntry {
  readonly value: ModelValue;
  readonly setMs: number;
  /** Infinity for never. */
  readonly softEndMs: number;
  readonly hardEndMs: number;
  readonly type: number;
  readonly origin: number;
  readonly seq: number;
  isMarked: boolean;
  wasRead: boolean;
  /** When it was protected, in the order of protecting; null when it is not. */
  pinned: number | null;
}

/** Bounds of a table. */
export interface TwinBounds {
  readonly entriesMax: number;
  /** Infinity for none. */
  readonly weightMaxBytes: number;
}

/** See the top of the file. */
export class Twin {
  /** The one used least lately first. */
  readonly #entries = new Map<string, TwinEntry>();
  readonly #patterns = new Map<string, RegExp>();
  readonly #protectedRatioMax: number;
  #weightBytes = 0;
  #pins = 0;
  bounds: TwinBounds;
  /** Entries that matched a pattern and found no room. */
  protectionRefused = 0;

  constructor(bounds: TwinBounds, protectedRatioMax: number) {
    this.bounds = bounds;
    this.#protectedRatioMax = protectedRatioMax;
  }

  get size(): number {
    return this.#entries.size;
  }

  get weightBytes(): number {
    return this.#weightBytes;
  }

  get patterns(): string[] {
    return [...this.#patterns.keys()];
  }

  /** Entries that may be protected. */
  get pinnedMax(): number {
    return Math.floor(this.bounds.entriesMax * this.#protectedRatioMax);
  }

  of(key: string): TwinEntry | undefined {
    return this.#entries.get(key);
  }

  /** All entries, the one used least lately first. */
  entries(): IterableIterator<[string, TwinEntry]> {
    return this.#entries.entries();
  }

  /** Puts an entry in, as the one used last. */
  put(key: string, entry: TwinEntry): void {
    this.remove(key);
    this.#entries.set(key, entry);
    this.#weightBytes += entry.value.weightBytes;
  }

  remove(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#weightBytes -= entry.value.weightBytes;
  }

  /** It is the one used last. */
  use(key: string, entry: TwinEntry): void {
    this.#entries.delete(key);
    this.#entries.set(key, entry);
  }

  /** What `lru` must evict first; undefined where all are protected. */
  leastUsed(): string | undefined {
    for (const [key, { pinned }] of this.#entries) if (pinned === null) return key;
    return undefined;
  }

  /** What is protected: how many, and how heavy. Adds it all up each time. */
  pinned(): { readonly entries: number; readonly weightBytes: number } {
    let entries = 0, weightBytes = 0;
    for (const { pinned, value } of this.#entries.values()) {
      if (pinned === null) continue;
      entries++;
      weightBytes += value.weightBytes;
    }
    return { entries, weightBytes };
  }

  /** Whether a pattern matches. */
  matches(key: string): boolean {
    for (const pattern of this.#patterns.values()) if (pattern.test(key)) return true;
    return false;
  }

  /** Protects an entry if there is room. */
  pin(entry: TwinEntry): boolean {
    const { entries, weightBytes } = this.pinned();
    const isRoom = entries < this.pinnedMax &&
      weightBytes + entry.value.weightBytes <= this.#pinnedBytesMax;
    if (isRoom) entry.pinned = this.#pins++;
    else this.protectionRefused++;
    return isRoom;
  }

  get #pinnedBytesMax(): number {
    return this.bounds.weightMaxBytes * this.#protectedRatioMax;
  }

  /** Adds a pattern; `keys` are those there are, in the order in which they find room. */
  protect(pattern: string, keys: Iterable<string>): { entries: number; refused: number } {
    this.#patterns.set(pattern, globOf(pattern));
    let entries = 0, refused = 0;
    for (const key of keys) {
      const entry = this.#entries.get(key);
      if (entry === undefined || !globOf(pattern).test(key)) continue;
      if (entry.pinned !== null || this.pin(entry)) entries++;
      else refused++;
    }
    return { entries, refused };
  }

  /** Drops a pattern; what no other protects counts as used, in the order of `keys`. */
  unprotect(pattern: string, keys: readonly string[]): number {
    if (!this.#patterns.delete(pattern)) return 0;
    let entries = 0;
    for (const key of keys) {
      const entry = this.#entries.get(key);
      if (entry === undefined || entry.pinned === null || this.matches(key)) continue;
      this.#unpin(key, entry);
      entries++;
    }
    return entries;
  }

  /** Ends protection where there is more of it than the bounds allow, the oldest first. */
  trimPinned(): void {
    for (;;) {
      const { entries, weightBytes } = this.pinned();
      if (entries <= this.pinnedMax && weightBytes <= this.#pinnedBytesMax) return;
      const oldest = [...this.#entries].filter(([, { pinned }]) => pinned !== null)
        .sort(([, a], [, b]) => (a.pinned as number) - (b.pinned as number))[0];
      if (oldest === undefined) return;
      this.#unpin(...oldest);
      this.protectionRefused++;
    }
  }

  /** An entry that has got heavier than what may be protected is so no longer. */
  trimReplaced(key: string, entry: TwinEntry): void {
    if (entry.pinned === null || this.pinned().weightBytes <= this.#pinnedBytesMax) return;
    this.#unpin(key, entry);
    this.protectionRefused++;
  }

  #unpin(key: string, entry: TwinEntry): void {
    entry.pinned = null;
    this.use(key, entry);
  }
}

/** `*` is any run of characters, all else is itself. */
function globOf(pattern: string): RegExp {
  const parts = pattern.split("*").map((part) => RegExp.escape(part));
  return new RegExp(`^${parts.join("[^]*")}$`);
}
