/**
 * Memory of columns, given back before a collector looks.
 *
 * @module
 */

/**
 * Frees the buffer of a column that nobody reads any more; every view of it is empty afterwards, and
 * releasing one of them again does nothing. O(1).
 *
 * Columns lie outside the heap: V8 lets some 64 MB of dead ones gather before it thinks of a
 * collection, and a table that doubles leaves as much behind as it held.
 */
export function release({ buffer }: ArrayBufferView): void {
  if (buffer instanceof ArrayBuffer && !buffer.detached) buffer.transfer(0);
}
