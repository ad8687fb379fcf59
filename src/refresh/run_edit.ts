/**
 * Changes of a run's inputs from outside, all or nothing: everything is checked before anything is
 * recorded, against what will be there once all that waits is applied.
 *
 * @module
 */

import { MEMBERS_MAX } from "./candidate_sets.ts";
import { checkedId, RefreshError, shown } from "./error.ts";
import type { SetEngine } from "./evaluate.ts";
import { type RunChanges, STRUCTURE_CHANGES_MAX } from "./run_changes.ts";
import type { EdgeValue } from "./run_engine.ts";
import type { RunChangeInput } from "./run_input.ts";

/**
 * Records a change; returns how many changes it is. O(its parts · members, and for each edge that
 * goes its sets and those that wait).
 *
 * @throws {RefreshError} codes `set`, `edge`, `edge_in_use`, `value` and `bound`; nothing is recorded.
 */
export function recordRunChange(
  change: RunChangeInput,
  engine: SetEngine,
  changes: RunChanges,
  nowMs: number,
): number {
  const { removeSets, removeEdges, addEdges, addSets, values } = change;
  checkRunChange(change, engine, changes);
  for (const setId of removeSets) changes.removeSet(setId, nowMs);
  for (const edgeId of removeEdges) changes.removeEdge(edgeId, nowMs);
  for (const edge of addEdges) changes.addEdge(edge, nowMs);
  for (const { setId, members } of addSets) changes.addSet(setId, members, nowMs);
  for (const edge of values) changes.setValue(edge, nowMs);
  return structureOf(change) + values.length;
}

/** Changes of structure among them. */
const structureOf = ({ removeSets, removeEdges, addEdges, addSets }: RunChangeInput) =>
  removeSets.length + removeEdges.length + addEdges.length + addSets.length;

function checkRunChange(change: RunChangeInput, engine: SetEngine, changes: RunChanges): void {
  const waiting = changes.waitingStructure + structureOf(change);
  if (waiting > STRUCTURE_CHANGES_MAX) {
    throw new RefreshError(
      "bound",
      `Cannot change a run: expected at most ${STRUCTURE_CHANGES_MAX} changes that wait for a ` +
        `refresh: current value is ${waiting}`,
    );
  }
  const sets = new Then("set", (id) => changes.willHaveSet(id));
  const edges = new Then("edge", (id) => changes.willHaveEdge(id));
  for (const setId of change.removeSets) sets.goes(setId);
  for (const edgeId of change.removeEdges) edges.goes(edgeId);
  checkUnused(change.removeEdges, sets, engine, changes);
  for (const { edgeId, value } of change.addEdges) {
    edges.comes(edgeId);
    checkFinite(edgeId, value);
  }
  for (const { setId, members } of change.addSets) {
    sets.comes(setId);
    checkMembers(setId, members, edges);
  }
  for (const { edgeId, value } of change.values) {
    edges.expect(edgeId, true);
    checkFinite(edgeId, value);
  }
}

/** What will be there. */
class Then {
  readonly #kind: "set" | "edge";
  readonly #before: (id: string) => boolean;
  readonly #own = new Map<string, boolean>();

  constructor(kind: "set" | "edge", before: (id: string) => boolean) {
    this.#kind = kind;
    this.#before = before;
  }

  has(id: string): boolean {
    return this.#own.get(id) ?? this.#before(id);
  }

  goes(id: string): void {
    this.expect(id, true);
    this.#own.set(id, false);
  }

  comes(id: string): void {
    this.expect(checkedId(this.#kind, id), false);
    this.#own.set(id, true);
  }

  expect(id: string, isThere: boolean): void {
    if (this.has(id) === isThere) return;
    const verb = isThere ? "find" : "add", expected = isThere ? "one that is there" : "a new id";
    throw new RefreshError(
      this.#kind,
      `Cannot ${verb} ${this.#kind === "set" ? "a set" : "an edge"}: expected ${expected}: ` +
        `current value is ${shown(id)}`,
    );
  }
}

/** An edge goes only with the sets that hold it: a set with another member is another set. */
function checkUnused(
  gone: readonly string[],
  sets: Then,
  engine: SetEngine,
  changes: RunChanges,
): void {
  if (gone.length === 0) return;
  const held = new Map<string, string>();
  for (const one of changes.structure) {
    if (one.type !== "add_set" || !sets.has(one.id)) continue;
    for (const edgeId of one.members) held.set(edgeId, one.id);
  }
  for (const edgeId of gone) {
    const own = engine.hasEdge(edgeId) ? engine.setsWith(edgeId) : [];
    const setId = own.find((id) => sets.has(id)) ?? held.get(edgeId);
    if (setId === undefined) continue;
    throw new RefreshError(
      "edge_in_use",
      `Cannot remove edge ${shown(edgeId)}: expected no set to hold it: ` +
        `current value is ${shown(setId)}`,
    );
  }
}

function checkMembers(setId: string, members: readonly string[], edges: Then): void {
  const isSize = members.length >= 1 && members.length <= MEMBERS_MAX;
  if (!isSize || new Set(members).size !== members.length) {
    throw new RefreshError(
      "set",
      `Cannot add set ${shown(setId)}: expected 1 to ${MEMBERS_MAX} members, each once: ` +
        `current value is ${shown(members)}`,
    );
  }
  for (const edgeId of members) edges.expect(edgeId, true);
}

function checkFinite(edgeId: EdgeValue["edgeId"], value: number): void {
  if (Number.isFinite(value)) return;
  throw new RefreshError(
    "value",
    `Cannot set edge ${shown(edgeId)}: expected a finite number: current value is ${value}`,
  );
}
