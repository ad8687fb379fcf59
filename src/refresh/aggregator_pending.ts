/**
 * Changes since the last tick, those of one edge folded into one.
 *
 * The largest magnitude is kept, so that a major change is not hidden by a minor one behind it; type
 * and metadata are those of the latest change, the value that of the latest one that has any. What comes out does not depend on the order in
 * which changes came in, but for metadata of changes that agree in all else.
 *
 * @module
 */

import { byCodeUnits } from "./aggregator_checks.ts";
import {
  CHANGE_TYPES,
  type EdgeChange,
  MAGNITUDE_CLASSES,
  type MagnitudeClass,
  magnitudeClass,
  type MagnitudeSettings,
} from "./magnitude.ts";

/** All changes of one edge within a tick. */
export interface FoldedChange extends EdgeChange {
  /** The largest class of them, each by the bounds of its own type. */
  readonly class: MagnitudeClass;
  /** How many they were. */
  readonly count: number;
}

/** What is folded of an edge, and the latest of its changes that has a value. */
interface Pending {
  readonly change: FoldedChange;
  readonly valued: EdgeChange | null;
}

/** See the top of the file. One entry an edge. */
export class PendingChanges {
  readonly #settings: MagnitudeSettings;
  readonly #byEdge = new Map<string, Pending>();

  /** None. */
  constructor(settings: MagnitudeSettings) {
    this.#settings = settings;
  }

  /** Edges that have changed. */
  get size(): number {
    return this.#byEdge.size;
  }

  /** What is folded of an edge so far. */
  of(edgeId: string): FoldedChange | undefined {
    return this.#byEdge.get(edgeId)?.change;
  }

  /** Folds a change that was checked, and returns its own class. O(1). */
  add(change: EdgeChange): MagnitudeClass {
    const own = magnitudeClass(this.#settings, change.type, change.magnitude);
    this.put({ ...change, class: own, count: 1 });
    return own;
  }

  /** Folds what was folded elsewhere. O(1). */
  put(change: FoldedChange): void {
    const valued = change.value === undefined ? null : change;
    const before = this.#byEdge.get(change.edgeId);
    const after = before === undefined ? { change, valued } : fold(before, { change, valued });
    this.#byEdge.set(change.edgeId, after);
  }

  /** Forgets what is known of an edge. */
  delete(edgeId: string): void {
    this.#byEdge.delete(edgeId);
  }

  /** All of them, by time and then by id. O(edges · log edges). */
  list(): readonly FoldedChange[] {
    return Array.from(this.#byEdge.values(), ({ change }) => change)
      .sort((a, b) => a.at - b.at || byCodeUnits(a.edgeId, b.edgeId));
  }

  /** As {@linkcode list}; none are left then. */
  take(): readonly FoldedChange[] {
    const all = this.list();
    this.#byEdge.clear();
    return all;
  }
}

function fold(before: Pending, next: Pending): Pending {
  const a = before.change, b = next.change;
  const latest = isAfter(a, b) ? a : b;
  const rank = (change: FoldedChange) => MAGNITUDE_CLASSES.indexOf(change.class);
  const valued = before.valued === null || next.valued === null
    ? before.valued ?? next.valued
    : isAfter(before.valued, next.valued)
    ? before.valued
    : next.valued;
  const change: FoldedChange = {
    ...latest,
    ...(valued?.value === undefined ? {} : { value: valued.value }),
    magnitude: Math.max(a.magnitude, b.magnitude),
    class: rank(a) > rank(b) ? a.class : b.class,
    count: a.count + b.count,
  };
  return { change, valued };
}

/** Later; of one time, by what does not change when changes are folded: type, then value. */
function isAfter(a: EdgeChange, b: EdgeChange): boolean {
  if (a.at !== b.at) return a.at > b.at;
  const type = CHANGE_TYPES.indexOf(a.type) - CHANGE_TYPES.indexOf(b.type);
  return type !== 0 ? type > 0 : (a.value ?? -Infinity) > (b.value ?? -Infinity);
}
