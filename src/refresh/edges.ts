/**
 * Edges: ids and integer handles, values, and which of them changed since a moment.
 *
 * - a handle is stable while the edge lives; those of removed edges are given again
 * - {@linkcode Edges.revision} counts changes; {@linkcode Edges.revisionOf} says at which of them an
 *   edge last moved
 * - a batch of changes settles once: {@linkcode Edges.moved} lists each edge that moved since
 *   {@linkcode Edges.settle} once, with its value of then, however often it moved in between
 *
 * @module
 */

import { assertInvariant, checkedId, RefreshError, shown } from "./error.ts";

/** Most edges: with values, revisions and ids some 100 MB. */
export const EDGES_MAX = 1_048_576;

const FIRST_SIZE = 64;

/** Edges by name, for scorers that keep data of their own by handle. */
export interface EdgeNames {
  /** Handle of an edge, undefined if there is none of that id. */
  handleOf(id: string): number | undefined;
  /** Id of a living edge. */
  idOf(handle: number): string;
}

/** See the head of this file. All is O(1) unless said otherwise. */
export class Edges implements EdgeNames {
  readonly #handles = new Map<string, number>();
  /** By handle; empty when the handle is free. */
  readonly #ids: string[] = [];
  readonly #free: number[] = [];
  #values = new Float64Array(FIRST_SIZE);
  #settled = new Float64Array(FIRST_SIZE);
  #revisions = new Float64Array(FIRST_SIZE);
  #isMoved = new Uint8Array(FIRST_SIZE);
  #moved: number[] = [];
  #revision = 0;

  /** Edges that live. */
  get count(): number {
    return this.#handles.size;
  }

  /** One more than the highest handle that was ever given. */
  get limit(): number {
    return this.#ids.length;
  }

  /** Changes so far: values, additions and removals. */
  get revision(): number {
    return this.#revision;
  }

  /** Values by handle; to be read only. Another array after each growth. */
  get values(): Float64Array {
    return this.#values;
  }

  /** Handles of edges that may have moved since the last {@linkcode Edges.settle}, each once. */
  get moved(): readonly number[] {
    return this.#moved;
  }

  /** Handle of an edge, undefined if there is none of that id. */
  handleOf(id: string): number | undefined {
    return this.#handles.get(id);
  }

  /**
   * Id of a living edge.
   *
   * @throws {RefreshError} code `edge`, when there is none.
   */
  idOf(handle: number): string {
    const id = this.#ids[handle];
    if (id !== undefined && id !== "") return id;
    throw new RefreshError(
      "edge",
      `Cannot name an edge: expected the handle of a living one: current value is ${handle}`,
    );
  }

  /** Whether the handle is that of a living edge. */
  isAlive(handle: number): boolean {
    return (this.#ids[handle] ?? "") !== "";
  }

  /** Its value now. */
  valueOf(handle: number): number {
    return this.#values[handle] as number;
  }

  /** Its value at the last {@linkcode Edges.settle}. */
  settledValueOf(handle: number): number {
    return (this.#isMoved[handle] === 1 ? this.#settled : this.#values)[handle] as number;
  }

  /** Whether its value is another one than at the last {@linkcode Edges.settle}, bit by bit. */
  hasMoved(handle: number): boolean {
    return this.#isMoved[handle] === 1 &&
      !Object.is(this.#settled[handle], this.#values[handle]);
  }

  /** The same of all, 1 by handle. O(limit). */
  movedFlags(): Uint8Array {
    const flags = new Uint8Array(this.limit);
    for (const handle of this.#moved) if (this.hasMoved(handle)) flags[handle] = 1;
    return flags;
  }

  /** Revision at which it last moved or was added. */
  revisionOf(handle: number): number {
    return this.#revisions[handle] as number;
  }

  /**
   * Adds an edge; returns its handle.
   *
   * @throws {RefreshError} code `edge` (id in use or no id), `value` (not finite), `bound`.
   */
  add(id: string, value: number): number {
    if (this.#handles.has(checkedId("edge", id))) {
      throw new RefreshError(
        "edge",
        `Cannot add an edge: expected an id that is free: current value is ${shown(id)}`,
      );
    }
    finite(id, value);
    if (this.#handles.size >= EDGES_MAX) {
      throw new RefreshError(
        "bound",
        `Cannot add an edge: expected at most ${EDGES_MAX}: current value is ${EDGES_MAX + 1}`,
      );
    }
    const handle = this.#free.pop() ?? this.#ids.length;
    if (handle >= this.#values.length) this.#grow();
    this.#ids[handle] = id;
    this.#handles.set(id, handle);
    this.#values[handle] = value;
    // No set holds it yet, so it has not moved for any.
    this.#settled[handle] = value;
    this.#revisions[handle] = ++this.#revision;
    return handle;
  }

  /** Removes a living edge. Whoever calls has made sure that no set holds it. */
  remove(handle: number): void {
    this.#handles.delete(this.idOf(handle));
    this.#ids[handle] = "";
    this.#free.push(handle);
    this.#settled[handle] = this.#values[handle] as number;
    this.#revision++;
  }

  /**
   * Gives an edge a value. Returns whether it is another one, bit by bit.
   *
   * @throws {RefreshError} code `value`, when it is not finite.
   */
  set(handle: number, value: number): boolean {
    if (!Number.isFinite(value)) finite(this.idOf(handle), value);
    const before = this.#values[handle] as number;
    if (Object.is(before, value)) return false;
    if (this.#isMoved[handle] === 0) {
      this.#isMoved[handle] = 1;
      this.#settled[handle] = before;
      this.#moved.push(handle);
    }
    this.#values[handle] = value;
    this.#revisions[handle] = ++this.#revision;
    return true;
  }

  /** The last edge of {@linkcode Edges.moved} has not moved: its move is taken care of. */
  settleLast(): void {
    const handle = this.#moved.pop();
    if (handle !== undefined) this.#isMoved[handle] = 0;
  }

  /** No edge has moved: what moved is taken care of. O(moved). */
  settle(): void {
    for (const handle of this.#moved) this.#isMoved[handle] = 0;
    this.#moved = [];
  }

  /**
   * Compares the structures with each other. O(edges).
   *
   * @throws {RefreshError} code `invariant`.
   */
  invariant(): void {
    assertInvariant(
      this.#handles.size + this.#free.length === this.#ids.length,
      "edges",
      "each handle in use or free",
    );
    for (const [id, handle] of this.#handles) {
      assertInvariant(this.#ids[handle] === id, `edge ${id}`, "its handle to name it");
      assertInvariant(Number.isFinite(this.#values[handle]), `edge ${id}`, "a finite value");
    }
    for (const handle of this.#free) {
      assertInvariant(this.#ids[handle] === "", `handle ${handle}`, "no id, since it is free");
    }
    let moved = 0;
    for (const flag of this.#isMoved) moved += flag;
    assertInvariant(moved === this.#moved.length, "moved edges", "each listed once");
  }

  #grow(): void {
    const size = 2 * this.#values.length;
    this.#values = grown(this.#values, new Float64Array(size));
    this.#settled = grown(this.#settled, new Float64Array(size));
    this.#revisions = grown(this.#revisions, new Float64Array(size));
    this.#isMoved = grown(this.#isMoved, new Uint8Array(size));
  }
}

function finite(id: string, value: number): void {
  if (Number.isFinite(value)) return;
  throw new RefreshError(
    "value",
    `Cannot set edge ${id}: expected a finite number: current value is ${value}`,
  );
}

function grown<T extends Float64Array | Uint8Array>(before: T, after: T): T {
  after.set(before);
  return after;
}
