/**
 * Changes of a run's inputs on their way: recorded at any time, taken together when a refresh
 * begins, forgotten when one succeeds. A refresh sees the inputs of the moment it began, whatever
 * is recorded while it works.
 *
 * @module
 */

import { RefreshError } from "./error.ts";
import { errorText } from "./fallback.ts";
import type { EdgeValue, RunEngine } from "./run_engine.ts";
import type { RunEvent } from "./run_types.ts";

/** Changes of structure that may wait for a refresh: a caller that adds more waits itself. */
export const STRUCTURE_CHANGES_MAX = 1_000_000;

type StructureChange =
  | { readonly type: "add_edge"; readonly id: string; readonly value: number }
  | { readonly type: "remove_edge"; readonly id: string }
  | { readonly type: "add_set"; readonly id: string; readonly members: readonly string[] }
  | { readonly type: "remove_set"; readonly id: string }
  | {
    readonly type: "scorer";
    readonly id: string;
    readonly edges: readonly string[] | "all";
    readonly update: () => void;
  };

/** See the head of this file. Edges are conflated: the last value counts, and the first time. */
export class RunChanges {
  readonly #engine: RunEngine;
  #values = new Map<string, number>();
  #structure: StructureChange[] = [];
  /** What will be there once the structure changes are applied, where that differs. */
  #edgesThen = new Map<string, boolean>();
  #setsThen = new Map<string, boolean>();
  #waiting = 0;
  #waitingOldestMs: number | null = null;
  /** Edges that the changes taken, but not yet succeeded, touch; or all. */
  #touched = new Set<string>();
  #touchedAll = false;
  #taken = 0;
  #takenStructure = 0;
  #takenOldestMs: number | null = null;

  /** None yet. */
  constructor(engine: RunEngine) {
    this.#engine = engine;
  }

  /** Edges with a change that waits. */
  get waitingEdges(): number {
    return this.#values.size;
  }

  /** Changes of edges, sets and what the scorer keeps that wait. */
  get waitingStructure(): number {
    return this.#structure.length;
  }

  /** All changes since the last refresh that succeeded. */
  get changes(): number {
    return this.#waiting + this.#taken;
  }

  /** Of these, other than of values. */
  get structureChanges(): number {
    return this.#structure.length + this.#takenStructure;
  }

  /** Edges that changed since. O(waiting edges). */
  get edgesChanged(): number {
    let count = this.#touched.size;
    for (const edgeId of this.#values.keys()) if (!this.#touched.has(edgeId)) count++;
    return count;
  }

  /** Whether the refresh that took changes last succeeded. */
  get isSettled(): boolean {
    return this.#taken === 0;
  }

  /** When the oldest of them came, epoch ms; null without any. */
  get oldestMs(): number | null {
    return this.#takenOldestMs ?? this.#waitingOldestMs;
  }

  /** Whether changes that were taken touch one of these edges. */
  touches(members: readonly string[]): boolean {
    return this.#touchedAll || members.some((edgeId) => this.#touched.has(edgeId));
  }

  /** An edge has a new value. @throws {RefreshError} code `edge`. */
  setValue({ edgeId, value }: EdgeValue, nowMs: number): void {
    this.#expectEdge(edgeId, true);
    this.#expectFinite(edgeId, value);
    this.#values.set(edgeId, value);
    this.#came(nowMs);
  }

  /** There is a new edge. @throws {RefreshError} codes `edge` and `bound`. */
  addEdge({ edgeId, value }: EdgeValue, nowMs: number): void {
    this.#expectEdge(edgeId, false);
    this.#expectFinite(edgeId, value);
    this.#push({ type: "add_edge", id: edgeId, value }, nowMs);
    this.#edgesThen.set(edgeId, true);
  }

  /** An edge goes; a set that holds it should have gone before. @throws {RefreshError} codes `edge` and `bound`. */
  removeEdge(edgeId: string, nowMs: number): void {
    this.#expectEdge(edgeId, true);
    this.#push({ type: "remove_edge", id: edgeId }, nowMs);
    this.#edgesThen.set(edgeId, false);
    this.#values.delete(edgeId);
  }

  /** There is a new set. @throws {RefreshError} codes `set`, `edge` and `bound`. */
  addSet(setId: string, members: readonly string[], nowMs: number): void {
    this.#expectSet(setId, false);
    for (const edgeId of members) this.#expectEdge(edgeId, true);
    this.#push({ type: "add_set", id: setId, members: [...members] }, nowMs);
    this.#setsThen.set(setId, true);
  }

  /** A set goes. @throws {RefreshError} codes `set` and `bound`. */
  removeSet(setId: string, nowMs: number): void {
    this.#expectSet(setId, true);
    this.#push({ type: "remove_set", id: setId }, nowMs);
    this.#setsThen.set(setId, false);
  }

  /**
   * What the scorer keeps about some edges changes, or about all: correlations, returns. `update`
   * changes it once no evaluation is under way; unless it throws, the sets of those edges are
   * scored anew.
   *
   * @throws {RefreshError} codes `edge` and `bound`.
   */
  scorerChanges(edges: readonly string[] | "all", update: () => void, nowMs: number): void {
    if (edges !== "all") { for (const edgeId of edges) this.#expectEdge(edgeId, true); }
    const id = edges === "all" ? edges : edges.slice(0, 3).join(" ");
    this.#push({ type: "scorer", id, edges, update }, nowMs);
  }

  /**
   * Hands what waits to the engine: structure first, in order, then values. A change of structure
   * that the engine refuses is left out and told; a value that it refuses throws.
   */
  take(): RunEvent[] {
    const structure = this.#structure, values = this.#values;
    this.#structure = [];
    this.#values = new Map();
    this.#edgesThen = new Map();
    this.#setsThen = new Map();
    this.#taken += this.#waiting;
    this.#takenStructure += structure.length;
    this.#takenOldestMs ??= this.#waitingOldestMs;
    this.#waiting = 0;
    this.#waitingOldestMs = null;
    const events: RunEvent[] = [];
    for (const change of structure) {
      // An edge that went and came again under its id is another edge to its sets.
      if (change.type === "add_edge" || change.type === "remove_edge") this.#touched.add(change.id);
      try {
        this.#apply(change);
      } catch (error) {
        events.push({
          type: "rejected",
          change: `${change.type} ${change.id}`,
          detail: errorText(error),
        });
      }
    }
    const known: EdgeValue[] = [];
    for (const [edgeId, value] of values) {
      if (!this.#engine.hasEdge(edgeId)) continue;
      this.#touched.add(edgeId);
      known.push({ edgeId, value });
    }
    if (known.length > 0) this.#setValues(known);
    return events;
  }

  /** The refresh that took them succeeded. */
  succeeded(): void {
    this.#touched.clear();
    this.#touchedAll = false;
    this.#taken = 0;
    this.#takenStructure = 0;
    this.#takenOldestMs = null;
  }

  /** Values that the engine refuses wait for the next refresh. */
  #setValues(values: readonly EdgeValue[]): void {
    try {
      this.#engine.setValues(values);
    } catch (error) {
      for (const { edgeId, value } of values) this.#values.set(edgeId, value);
      this.#waiting += values.length;
      this.#waitingOldestMs = this.#takenOldestMs;
      throw error;
    }
  }

  #apply(change: StructureChange): void {
    const engine = this.#engine;
    if (change.type === "add_edge") engine.addEdge(change.id, change.value);
    else if (change.type === "add_set") engine.addSet(change.id, change.members);
    else if (change.type === "remove_edge") engine.removeEdge(change.id);
    else if (change.type === "scorer") this.#applyScorer(change.edges, change.update);
    // It may have gone with one of its edges.
    else if (engine.hasSet(change.id)) engine.removeSet(change.id);
  }

  #applyScorer(edges: readonly string[] | "all", update: () => void): void {
    update();
    if (edges === "all") {
      this.#touchedAll = true;
      this.#engine.touchAll();
      return;
    }
    for (const edgeId of edges) {
      if (!this.#engine.hasEdge(edgeId)) continue;
      this.#touched.add(edgeId);
      this.#engine.touchEdge(edgeId);
    }
  }

  #push(change: StructureChange, nowMs: number): void {
    if (this.#structure.length >= STRUCTURE_CHANGES_MAX) {
      throw new RefreshError(
        "bound",
        `Cannot record a change: expected at most ${STRUCTURE_CHANGES_MAX} that wait for a ` +
          `refresh: current value is ${this.#structure.length + 1}`,
      );
    }
    this.#structure.push(change);
    this.#came(nowMs);
  }

  #came(nowMs: number): void {
    this.#waiting++;
    this.#waitingOldestMs ??= nowMs;
  }

  #expectEdge(edgeId: string, isThere: boolean): void {
    if ((this.#edgesThen.get(edgeId) ?? this.#engine.hasEdge(edgeId)) === isThere) return;
    throw new RefreshError("edge", unexpected("edge", edgeId, isThere));
  }

  #expectSet(setId: string, isThere: boolean): void {
    if ((this.#setsThen.get(setId) ?? this.#engine.hasSet(setId)) === isThere) return;
    throw new RefreshError("set", unexpected("set", setId, isThere));
  }

  #expectFinite(edgeId: string, value: number): void {
    if (Number.isFinite(value)) return;
    throw new RefreshError(
      "edge",
      `Cannot take a value of edge ${edgeId}: expected a finite number: current value is ${value}`,
    );
  }
}

const unexpected = (noun: string, id: string, isThere: boolean) =>
  isThere
    ? `Cannot change ${noun} ${id}: expected a known ${noun}: current value is unknown`
    : `Cannot add ${noun} ${id}: expected a new ${noun}: current value is known`;
