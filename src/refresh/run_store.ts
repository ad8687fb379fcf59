/**
 * What must survive of a run, as JSON text in records:
 *
 * - the **head**: what it is made of besides edges and sets, and which parts belong to it
 * - **parts**: edges, sets (members as places of edges), and changes of structure that wait for a
 *   refresh, each of bounded length, so that none is too large for a record or takes long to write
 * - the **state**: values of its edges, and the snapshot of the run; small, written often
 *
 * Parts of another writing have other keys, and the head is written after its parts, so that a
 * process that dies between two records leaves the former writing whole. A state names the writing
 * whose order of edges its values follow; values of another one are not used.
 *
 * @module
 */

import { RefreshError, shown } from "./error.ts";
import type { CandidateSetSpec } from "./evaluate.ts";
import { setIdOf } from "./generate.ts";
import type { StructureChange } from "./run_changes.ts";
import type { EdgeValue } from "./run_engine.ts";
import type { RunInput } from "./run_input.ts";
import type { RunSnapshot } from "./run_types.ts";

/** Characters at which a part ends: some 4 ms to write; one row more is at most 0.2 million. */
const PART_CHARS = 65_536;
/** Longest text of a record, in characters, as stores take it. */
const RECORD_CHARS_MAX = 16 * 1024 * 1024;

/** The head of a run's records. */
export interface RunHead extends Omit<RunInput, "edges" | "sets" | "generator"> {
  /** Layout. */
  readonly version: 1;
  /** Which writing; a later one has a higher number. */
  readonly writing: number;
  /** When the run was made, epoch ms. */
  readonly createdAtMs: number;
  /** Parts, numbered from 0. */
  readonly parts: number;
  /** Edges of a basket, for the run that grows; null for any other. */
  readonly basketSize: number | null;
}

/** The state of a run. */
export interface SavedRunState {
  /** Layout. */
  readonly version: 1;
  /** The writing whose edges the values are of. */
  readonly writing: number;
  /** In the order of the edges in the parts; null for one that has gone since. */
  readonly values: readonly (number | null)[];
  /** Whether its scorer had correlations that it followed. */
  readonly hadCorrelations: boolean;
  /** See {@linkcode RunSnapshot}. */
  readonly snapshot: RunSnapshot;
}

/** A change of structure that waits: what is done, the id, and then a value or members. */
export type ChangeRow = readonly [what: string, id: string, ...rest: readonly unknown[]];

/** A part, read. */
export type RunPart =
  | { readonly kind: "edges"; readonly edges: readonly EdgeValue[] }
  | { readonly kind: "sets"; readonly sets: readonly CandidateSetSpec[] }
  | { readonly kind: "changes"; readonly changes: readonly ChangeRow[] };

/** What parts are written of. */
export interface PartSource {
  /** Edges with their values. */
  readonly edges: Iterable<EdgeValue>;
  /** Sets of these edges. */
  readonly sets: Iterable<CandidateSetSpec>;
  /** Changes that wait, read when all before is written. */
  readonly changes: () => Iterable<StructureChange>;
}

/**
 * Texts of all parts. The ids of edges are pushed to `order` as they are written.
 *
 * @throws {RefreshError} code `set`, when a set has a member that was not among the edges: the source
 * changed on the way.
 */
export function* partTexts(source: PartSource, order: string[]): Generator<string, void> {
  const places = new Map<string, number>();
  yield* textsOf("edges", source.edges, ({ edgeId, value }) => {
    places.set(edgeId, order.length);
    order.push(edgeId);
    return [edgeId, value];
  });
  yield* textsOf("sets", source.sets, ({ setId, members }) => {
    const row: (string | number)[] = members.map((member) => {
      const place = places.get(member);
      if (place === undefined) {
        throw new RefreshError(
          "set",
          `Cannot save set ${shown(setId)}: expected edges of its run: ` +
            `current value is ${shown(member)}`,
        );
      }
      return place;
    });
    return setId === setIdOf(members) ? row : [setId, ...row];
  });
  yield* textsOf("changes", source.changes(), rowOf);
}

/** A head or a state as text. @throws {RefreshError} code `bound`, when it is too long for a record. */
export function recordText(value: RunHead | SavedRunState): string {
  const json = JSON.stringify(value);
  if (json.length <= RECORD_CHARS_MAX) return json;
  throw new RefreshError(
    "bound",
    `Cannot save a run: expected at most ${RECORD_CHARS_MAX} characters of JSON: ` +
      `current value is ${json.length}`,
  );
}

/** A head that was written. @throws {RefreshError | SyntaxError} code `snapshot`. */
export function readHead(json: string, runId: string): RunHead {
  const head = fieldsOf(JSON.parse(json), "a head");
  expect(head.runId === runId, `run ${runId}`, head.runId);
  expect(isCount(head.writing) && isCount(head.parts), "whole counts", [head.writing, head.parts]);
  expect(Number.isFinite(head.createdAtMs), "a time", head.createdAtMs);
  const scorer = fieldsOf(head.scorer, "a scorer", false);
  expect(typeof scorer.name === "string", "the name of a scorer", scorer.name);
  const { mode, isLive, followsCorrelations } = fieldsOf(head.options, "options", false);
  expect(mode === "auto" || mode === "eager" || mode === "lazy", "a mode", mode);
  const areFlags = typeof isLive === "boolean" && typeof followsCorrelations === "boolean";
  expect(areFlags, "isLive and followsCorrelations", [isLive, followsCorrelations]);
  expect(head.basketSize === null || isCount(head.basketSize), "a size", head.basketSize);
  return head as unknown as RunHead;
}

/** A state that was written; its snapshot is checked by the run. @throws as {@linkcode readHead}. */
export function readState(json: string): SavedRunState {
  const state = fieldsOf(JSON.parse(json), "a state");
  const { values } = state;
  const areValues = Array.isArray(values) &&
    values.every((value) => value === null || Number.isFinite(value));
  expect(areValues && isCount(state.writing), "values of a writing", state.writing);
  fieldsOf(state.snapshot, "a snapshot");
  return {
    ...state as unknown as SavedRunState,
    hadCorrelations: state.hadCorrelations === true,
  };
}

/**
 * A part that was written. `edges` are the ids of all edge parts before it.
 *
 * @throws {RefreshError | SyntaxError} code `snapshot`.
 */
export function readPart(json: string, edges: readonly string[]): RunPart {
  const { kind, rows } = fieldsOf(JSON.parse(json), "a part", false);
  expect(Array.isArray(rows), "rows", rows);
  const lists = rows as readonly unknown[];
  if (kind === "edges") return { kind, edges: lists.map(edgeIn) };
  if (kind === "sets") return { kind, sets: lists.map((row) => setIn(row, edges)) };
  expect(kind === "changes", "edges, sets or changes", kind);
  for (const row of lists) {
    const isRow = Array.isArray(row) && row.slice(0, 2).every((one) => typeof one === "string");
    expect(isRow, "changes", row);
  }
  return { kind: "changes", changes: lists as readonly ChangeRow[] };
}

/**
 * A change that waited, recorded again.
 *
 * @throws {RefreshError} as `RunChanges` does.
 */
export function replayChange(
  [what, id, ...rest]: ChangeRow,
  changes: {
    addEdge(edge: EdgeValue, nowMs: number): void;
    removeEdge(edgeId: string, nowMs: number): void;
    addSet(setId: string, members: readonly string[], nowMs: number): void;
    removeSet(setId: string, nowMs: number): void;
  },
  nowMs: number,
): void {
  if (what === "add_edge") changes.addEdge({ edgeId: id, value: Number(rest[0]) }, nowMs);
  else if (what === "remove_edge") changes.removeEdge(id, nowMs);
  else if (what === "add_set") changes.addSet(id, rest.map(String), nowMs);
  else if (what === "remove_set") changes.removeSet(id, nowMs);
  else expect(false, "a known change", what);
}

function* textsOf<T>(
  kind: RunPart["kind"],
  items: Iterable<T>,
  rowOf: (item: T) => readonly unknown[] | null,
): Generator<string, void> {
  let rows: string[] = [], chars = 0;
  const text = () => `{"kind":"${kind}","rows":[${rows.join()}]}`;
  for (const item of items) {
    const row = rowOf(item);
    if (row === null) continue;
    const json = JSON.stringify(row);
    rows.push(json);
    chars += json.length;
    if (chars < PART_CHARS) continue;
    yield text();
    rows = [];
    chars = 0;
  }
  if (rows.length > 0) yield text();
}

function rowOf(change: StructureChange): ChangeRow | null {
  if (change.type === "add_edge") return [change.type, change.id, change.value];
  if (change.type === "add_set") return [change.type, change.id, ...change.members];
  // What a scorer keeps comes again from whoever told it.
  return change.type === "scorer" ? null : [change.type, change.id];
}

function edgeIn(row: unknown): EdgeValue {
  const [edgeId, value] = Array.isArray(row) ? row as unknown[] : [];
  expect(typeof edgeId === "string" && Number.isFinite(value), "edges with values", row);
  return { edgeId: edgeId as string, value: value as number };
}

function setIn(row: unknown, edges: readonly string[]): CandidateSetSpec {
  const list = Array.isArray(row) ? row as unknown[] : [];
  const [first] = list, isNamed = typeof first === "string";
  const members = (isNamed ? list.slice(1) : list).map((place) => edges[Number(place)]);
  expect(members.length > 0 && !members.includes(undefined), "members among the edges", row);
  return isNamed
    ? { setId: first, members: members as string[] }
    : { setId: setIdOf(members as string[]), members: members as string[] };
}

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(value: unknown, expected: string, isVersioned = true): Fields {
  expect(typeof value === "object" && value !== null, expected, value);
  const fields = value as Fields;
  if (isVersioned) expect(fields.version === 1, `${expected} of version 1`, fields.version);
  return fields;
}

const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;

function expect(isRight: boolean, expected: string, value: unknown): void {
  if (isRight) return;
  throw new RefreshError(
    "snapshot",
    `Cannot read what was saved of a run: expected ${expected}: current value is ${shown(value)}`,
  );
}
