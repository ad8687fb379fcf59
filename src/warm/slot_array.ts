/**
 * Arrays of small whole numbers, in as few bytes as the greatest of them needs.
 *
 * @module
 */

/** Holds slots, or rows, each one more than it is so that 0 says none. */
export type SlotArray = Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

/** `length` times 0, for numbers up to `max`. */
export function slotArray(length: number, max: number): SlotArray {
  return max <= 0xffff ? new Uint16Array(length) : new Uint32Array(length);
}
