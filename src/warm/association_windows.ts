/**
 * The last few keys of each client, for a bounded number of clients.
 *
 * @module
 */

/** Keys of a window. */
export const WINDOW = 8;

/**
 * Windows of the clients that were heard of lately. When there are as many as are allowed, a
 * client that was not heard of since the hand went by gives way (the CLOCK of F. Corbató, 1968).
 */
export class ClientWindows {
  /** Where a window has no key yet. */
  static readonly NONE = 0xffffffff;
  readonly #places = new Map<string, number>();
  /** By place; the first is of those who did not say who they are. */
  readonly #names: (string | null)[] = [null];
  readonly #heard: Uint8Array;
  readonly #keys: Uint32Array;
  /** Where in its window the next key goes. */
  readonly #next: Uint8Array;
  #hand = 0;
  #lastName: string | null = null;
  #lastPlace = 0;

  /**
   * None yet.
   *
   * @throws {RangeError} for less than one client.
   */
  constructor(clientsMax: number) {
    if (!(Number.isInteger(clientsMax) && clientsMax >= 1)) {
      throw new RangeError(
        `Cannot keep windows: expected at least 1 client: current value is ${clientsMax}`,
      );
    }
    const places = clientsMax + 1;
    this.#heard = new Uint8Array(places);
    this.#next = new Uint8Array(places);
    this.#keys = new Uint32Array(places * WINDOW).fill(ClientWindows.NONE);
  }

  /** Clients that have a window. */
  get size(): number {
    return this.#places.size;
  }

  /** Bytes of its arrays. */
  get bytes(): number {
    return this.#heard.byteLength + this.#next.byteLength + this.#keys.byteLength;
  }

  /**
   * The window of a client, an empty one for one that has none; null is a client of its own. O(1),
   * but for the hand, which goes round once for every time that all of the clients were heard of.
   */
  windowOf(client: string | null): number {
    if (client === this.#lastName) return this.#lastPlace;
    const known = client === null ? 0 : this.#places.get(client);
    const place = known ?? this.#added(client as string);
    // Not of a new one: those that come back outlast those that come once.
    if (known !== undefined) this.#heard[place] = 1;
    this.#lastName = client;
    this.#lastPlace = place;
    return place;
  }

  /** The key that came `back` keys ago, 1 for the last one, at most {@linkcode WINDOW}. */
  at(window: number, back: number): number {
    const place = (this.#next[window] as number) - back & WINDOW - 1;
    return this.#keys[window * WINDOW + place] as number;
  }

  /** Adds a key: any number but {@linkcode ClientWindows.NONE}. */
  push(window: number, key: number): void {
    const next = this.#next[window] as number;
    this.#keys[window * WINDOW + next] = key;
    this.#next[window] = next + 1 & WINDOW - 1;
  }

  #added(client: string): number {
    const place = this.#names.length < this.#heard.length ? this.#names.length : this.#freed();
    this.#keys.fill(ClientWindows.NONE, place * WINDOW, (place + 1) * WINDOW);
    this.#names[place] = client;
    this.#places.set(client, place);
    return place;
  }

  #freed(): number {
    for (;;) {
      this.#hand = this.#hand % (this.#heard.length - 1) + 1;
      if (this.#heard[this.#hand] === 0) break;
      this.#heard[this.#hand] = 0;
    }
    this.#places.delete(this.#names[this.#hand] as string);
    return this.#hand;
  }
}
