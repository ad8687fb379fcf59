/**
 * Changes of a run's inputs on their way: recorded at any time, taken together when a refresh
 * begins, handed to the engine in slices, forgotten when a refresh succeeds. A refresh sees the
 * inputs of the moment it began, whatever is recorded while it works.
 *
 * @module
 */

import { RefreshError } from "./error.ts";
import { errorText } from "./fallback.ts";
import type { EdgeValue, RunEngine } from "./run_engine.ts";
import type { RunEvent } from "./run_types.ts";

/** Changes of structure that may wait for a refresh: a caller that adds more waits itself. */
export const STRUCTURE_CHANGES_MAX = 1_000_000;

/** A change other than of values that waits for a refresh. */
export type StructureChange =
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

/** Changes that a refresh took, on their way to the engine. */
interface Taking {
  readonly structure: StructureChange[];
  readonly values: Map<string, number>;
  /** As in {@linkcode RunChanges}, of the structure here. */
  readonly edgesThen: Map<string, boolean>;
  readonly setsThen: Map<string, boolean>;
  /** Changes of structure that the engine has. */
  done: number;
}

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
  /** What was taken and is not handed over yet; null when all is. */
  #taking: Taking | null = null;
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

  /** Changes of structure that the engine does not have, in order; to be read only. O(changes). */
  get structure(): readonly StructureChange[] {
    const taking = this.#taking;
    if (taking === null) return this.#structure;
    return [...taking.structure.slice(taking.done), ...this.#structure];
  }

  /** How many sets there will be more once they are applied. O(waiting sets). */
  get setsToCome(): number {
    const { setsThen = new Map<string, boolean>() } = this.#taking ?? {};
    return toCome([setsThen, this.#setsThen], (id) => this.#engine.hasSet(id));
  }

  /** The same of edges. O(waiting edges). */
  get edgesToCome(): number {
    const { edgesThen = new Map<string, boolean>() } = this.#taking ?? {};
    return toCome([edgesThen, this.#edgesThen], (id) => this.#engine.hasEdge(id));
  }

  /** The newest value of an edge that the engine does not have, undefined if there is none. */
  waitingValueOf(edgeId: string): number | undefined {
    const waiting = this.#values.get(edgeId);
    // What was recorded of an edge that goes, or comes anew, is in the structure.
    if (waiting !== undefined || this.#edgesThen.has(edgeId)) return waiting;
    return this.#taking?.values.get(edgeId);
  }

  /** Whether there is such an edge once what waits is applied. */
  willHaveEdge(edgeId: string): boolean {
    const then = this.#edgesThen.get(edgeId) ?? this.#taking?.edgesThen.get(edgeId);
    return then ?? this.#engine.hasEdge(edgeId);
  }

  /** Whether there is such a set once what waits is applied. */
  willHaveSet(setId: string): boolean {
    const then = this.#setsThen.get(setId) ?? this.#taking?.setsThen.get(setId);
    return then ?? this.#engine.hasSet(setId);
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
    const touched = this.#touched, taking = this.#taking?.values ?? new Map<string, number>();
    let count = touched.size;
    for (const edgeId of taking.keys()) if (!touched.has(edgeId)) count++;
    for (const edgeId of this.#values.keys()) {
      if (!touched.has(edgeId) && !taking.has(edgeId)) count++;
    }
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
   * Takes what waits for a refresh, which hands it over. What an earlier one took and did not hand
   * over goes first. O(1), or O(what is left of that).
   */
  take(): void {
    const before = this.#taking;
    const now: Taking = {
      structure: this.#structure,
      values: this.#values,
      edgesThen: this.#edgesThen,
      setsThen: this.#setsThen,
      done: 0,
    };
    this.#taking = before === null ? now : joined(before, now);
    this.#taken += this.#waiting;
    this.#takenStructure += this.#structure.length;
    this.#takenOldestMs ??= this.#waitingOldestMs;
    this.#structure = [];
    this.#values = new Map();
    this.#edgesThen = new Map();
    this.#setsThen = new Map();
    this.#waiting = 0;
    this.#waitingOldestMs = null;
  }

  /**
   * Hands up to `budget` of the changes taken to the engine: structure first, in order, then
   * values. A change of structure that the engine refuses is left out and told in `events`; values
   * that it refuses wait for the next refresh, and it throws. What the scorer keeps ends a slice,
   * since nobody knows how long such a change takes. About 1 µs a change.
   */
  handOver(budget: number, events: RunEvent[]): "more" | "done" {
    const taking = this.#taking;
    if (taking === null) return "done";
    const { structure, values } = taking;
    let left = budget;
    while (left > 0 && taking.done < structure.length) {
      const change = structure[taking.done++] as StructureChange;
      left = change.type === "scorer" ? 0 : left - 1;
      this.#try(change, events);
    }
    if (left <= 0 && structure.length + values.size > taking.done) return "more";
    const known: EdgeValue[] = [];
    for (const [edgeId, value] of values) {
      if (left-- <= 0) break;
      values.delete(edgeId);
      if (!this.#engine.hasEdge(edgeId)) continue;
      this.#touched.add(edgeId);
      known.push({ edgeId, value });
    }
    if (known.length > 0) this.#setValues(known, values);
    if (values.size > 0) return "more";
    this.#taking = null;
    return "done";
  }

  /** The refresh that took them succeeded. */
  succeeded(): void {
    this.#touched.clear();
    this.#touchedAll = false;
    this.#taken = 0;
    this.#takenStructure = 0;
    this.#takenOldestMs = null;
  }

  #try(change: StructureChange, events: RunEvent[]): void {
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

  /** Values that the engine refuses wait for the next refresh, and so do those after them. */
  #setValues(values: readonly EdgeValue[], after: ReadonlyMap<string, number>): void {
    try {
      this.#engine.setValues(values);
    } catch (error) {
      this.#taking = null;
      const refused = [...values.map(({ edgeId, value }) => [edgeId, value] as const), ...after];
      for (const [edgeId, value] of refused) {
        // What was recorded meanwhile is newer.
        if (this.#edgesThen.has(edgeId) || this.#values.has(edgeId)) continue;
        this.#values.set(edgeId, value);
        this.#waiting++;
      }
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
    if (this.willHaveEdge(edgeId) === isThere) return;
    throw new RefreshError("edge", unexpected("edge", edgeId, isThere));
  }

  #expectSet(setId: string, isThere: boolean): void {
    if (this.willHaveSet(setId) === isThere) return;
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

/** How many more there will be than there are; later maps count. */
function toCome(
  maps: readonly ReadonlyMap<string, boolean>[],
  isThere: (id: string) => boolean,
): number {
  let count = 0;
  for (const [id, will] of new Map(maps.flatMap((map) => [...map]))) {
    count += Number(will) - Number(isThere(id));
  }
  return count;
}

/** What was taken before and not handed over, and what was taken after it. */
function joined(before: Taking, after: Taking): Taking {
  for (const change of after.structure) {
    // A value of an edge that goes is none of the one that may come under its id.
    if (change.type === "remove_edge") before.values.delete(change.id);
  }
  return {
    structure: [...before.structure.slice(before.done), ...after.structure],
    values: new Map([...before.values, ...after.values]),
    edgesThen: new Map([...before.edgesThen, ...after.edgesThen]),
    setsThen: new Map([...before.setsThen, ...after.setsThen]),
    done: 0,
  };
}

const unexpected = (noun: string, id: string, isThere: boolean) =>
  isThere
    ? `Cannot change ${noun} ${id}: expected a known ${noun}: current value is unknown`
    : `Cannot add ${noun} ${id}: expected a new ${noun}: current value is known`;
