/**
 * Texts and their numbers: what is named over and over is written once.
 *
 * @module
 */

/** Numbers texts in the order in which they first come. A text once seen is kept. */
export class Names {
  /** The texts by their numbers. */
  readonly list: string[] = [];
  readonly #at = new Map<string, number>();

  /** The number of a text. */
  of(name: string): number {
    let at = this.#at.get(name);
    if (at === undefined) this.#at.set(name, at = this.list.push(name) - 1);
    return at;
  }
}
