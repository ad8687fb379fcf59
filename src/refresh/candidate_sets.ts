/**
 * Candidate sets: ids and integer handles, members as handles of edges in the order they were given.
 *
 * - a handle is stable while the set lives; those of removed sets are given again, so that arrays by
 *   handle stay dense
 * - members of all sets lie in one array; the room of a removed set goes to the next of its size,
 *   and is squeezed out when more than half of the array is unused
 *
 * @module
 */

import { assertInvariant, checkedId, RefreshError, shown } from "./error.ts";

/** Most sets: keys, scores, members and ids of so many are some 1 GB. */
export const SETS_MAX = 4_194_304;
/** Most members of a set: a score over pairs looks at 2,016 of them then. */
export const MEMBERS_MAX = 64;

const FIRST_SETS = 64;
const FIRST_MEMBERS = 512;

/** See the head of this file. All is O(1) or O(members of the set) unless said otherwise. */
export class CandidateSets {
  readonly #handles = new Map<string, number>();
  readonly #ids: string[] = [];
  readonly #free: number[] = [];
  /** Starts of unused room, by its size. */
  #unused: number[][] = Array.from({ length: MEMBERS_MAX + 1 }, () => []);
  #unusedCount = 0;
  #end = 0;
  #starts = new Uint32Array(FIRST_SETS);
  #sizes = new Uint8Array(FIRST_SETS);
  #members = new Uint32Array(FIRST_MEMBERS);
  #revision = 0;

  /** Sets that live. */
  get count(): number {
    return this.#handles.size;
  }

  /** One more than the highest handle that was ever given. */
  get limit(): number {
    return this.#ids.length;
  }

  /** Sets added and removed so far. */
  get revision(): number {
    return this.#revision;
  }

  /** Ids by handle, empty where a handle is free; to be read only, grows in place. */
  get ids(): readonly string[] {
    return this.#ids;
  }

  /** Where the members of a set begin, by handle. Another array after each growth. */
  get starts(): Uint32Array {
    return this.#starts;
  }

  /** Members of a set, by handle; 0 where a handle is free. Another array after each growth. */
  get sizes(): Uint8Array {
    return this.#sizes;
  }

  /** Handles of edges of all sets; to be read only. Another array after each growth. */
  get members(): Uint32Array {
    return this.#members;
  }

  /** Handle of a set, undefined if there is none of that id. */
  handleOf(id: string): number | undefined {
    return this.#handles.get(id);
  }

  /** Whether the handle is that of a living set. */
  isAlive(handle: number): boolean {
    return (this.#sizes[handle] ?? 0) > 0;
  }

  /** A view of the members of a living set; holds until the next addition. */
  membersOf(handle: number): Uint32Array {
    const start = this.#starts[handle] as number;
    return this.#members.subarray(start, start + (this.#sizes[handle] as number));
  }

  /**
   * Adds a set of edges, none of them twice; returns its handle.
   *
   * @throws {RefreshError} code `set` (id in use, no or too many members, one twice), `bound`.
   */
  add(id: string, edges: readonly number[]): number {
    this.#check(id, edges);
    const start = this.#room(edges.length);
    const handle = this.#free.pop() ?? this.#ids.length;
    if (handle >= this.#starts.length) this.#grow();
    this.#members.set(edges, start);
    this.#ids[handle] = id;
    this.#handles.set(id, handle);
    this.#starts[handle] = start;
    this.#sizes[handle] = edges.length;
    this.#revision++;
    return handle;
  }

  /** Removes a living set. */
  remove(handle: number): void {
    const size = this.#sizes[handle] ?? 0, id = this.#ids[handle] ?? "";
    if (size === 0) {
      throw new RefreshError(
        "set",
        `Cannot remove a set: expected the handle of a living one: current value is ${handle}`,
      );
    }
    this.#handles.delete(id);
    this.#ids[handle] = "";
    this.#unused[size]?.push(this.#starts[handle] as number);
    this.#unusedCount += size;
    this.#sizes[handle] = 0;
    this.#free.push(handle);
    this.#revision++;
  }

  /**
   * Compares the structures with each other. O(sets).
   *
   * @throws {RefreshError} code `invariant`.
   */
  invariant(): void {
    assertInvariant(
      this.#handles.size + this.#free.length === this.#ids.length,
      "candidate sets",
      "each handle in use or free",
    );
    const isUsed = new Uint8Array(this.#end);
    let used = 0;
    for (const [id, handle] of this.#handles) {
      assertInvariant(this.#ids[handle] === id, `set ${id}`, "its handle to name it");
      const start = this.#starts[handle] as number, size = this.#sizes[handle] as number;
      assertInvariant(size > 0 && start + size <= this.#end, `set ${id}`, "members in the array");
      for (let i = start; i < start + size; i++) {
        assertInvariant(isUsed[i] === 0, `set ${id}`, "members of its own");
        isUsed[i] = 1;
      }
      used += size;
    }
    assertInvariant(used + this.#unusedCount === this.#end, "members", "each used or unused");
    for (const handle of this.#free) {
      assertInvariant(
        this.#sizes[handle] === 0,
        `handle ${handle}`,
        "no members, since it is free",
      );
    }
  }

  #check(id: string, edges: readonly number[]): void {
    if (this.#handles.has(checkedId("set", id))) {
      throw new RefreshError(
        "set",
        `Cannot add a set: expected an id that is free: current value is ${shown(id)}`,
      );
    }
    const size = edges.length;
    if (size < 1 || size > MEMBERS_MAX) {
      throw new RefreshError(
        "set",
        `Cannot add set ${id}: expected 1 to ${MEMBERS_MAX} members: current value is ${size}`,
      );
    }
    for (let i = 1; i < size; i++) {
      if (edges.indexOf(edges[i] as number) < i) {
        throw new RefreshError(
          "set",
          `Cannot add set ${id}: expected each member once: member ${i} is there before`,
        );
      }
    }
    if (this.#handles.size >= SETS_MAX) {
      throw new RefreshError(
        "bound",
        `Cannot add a set: expected at most ${SETS_MAX}: current value is ${SETS_MAX + 1}`,
      );
    }
  }

  #room(size: number): number {
    const start = this.#unused[size]?.pop();
    if (start !== undefined) {
      this.#unusedCount -= size;
      return start;
    }
    if (this.#end + size > this.#members.length) {
      const isMostlyUnused = 2 * this.#unusedCount > this.#end;
      this.#rewrite(isMostlyUnused ? this.#members.length : 2 * this.#members.length);
    }
    const end = this.#end;
    this.#end += size;
    return end;
  }

  /** Moves all members together into an array of `length`. O(members of all sets). */
  #rewrite(length: number): void {
    const members = new Uint32Array(length);
    let end = 0;
    for (let handle = 0; handle < this.#ids.length; handle++) {
      const size = this.#sizes[handle] as number;
      if (size === 0) continue;
      members.set(this.membersOf(handle), end);
      this.#starts[handle] = end;
      end += size;
    }
    this.#members = members;
    this.#end = end;
    this.#unused = this.#unused.map(() => []);
    this.#unusedCount = 0;
  }

  #grow(): void {
    const size = 2 * this.#starts.length;
    const starts = new Uint32Array(size), sizes = new Uint8Array(size);
    starts.set(this.#starts);
    sizes.set(this.#sizes);
    this.#starts = starts;
    this.#sizes = sizes;
  }
}
