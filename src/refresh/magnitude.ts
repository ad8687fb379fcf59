/**
 * How large a change of an edge is: what may be said of one, and its class.
 *
 * @module
 */

import { isEdgeId } from "./aggregator_checks.ts";
import { RefreshError, shown } from "./error.ts";

/** What changed of an edge. */
export type ChangeType =
  | "price_move"
  | "odds_change"
  | "status_change"
  | "prop_update"
  | "label"
  | "custom";

/** All there are. */
export const CHANGE_TYPES: readonly ChangeType[] = [
  "price_move",
  "odds_change",
  "status_change",
  "prop_update",
  "label",
  "custom",
];

/** How large a change is, by the bounds of its type. */
export type MagnitudeClass = "minor" | "moderate" | "major";

/** All there are, ascending. */
export const MAGNITUDE_CLASSES: readonly MagnitudeClass[] = ["minor", "moderate", "major"];

/** From where on a change is more than minor. */
export interface MagnitudeBounds {
  /** Least magnitude of a moderate one. */
  readonly moderateFrom: number;
  /** Least magnitude of a major one; not below `moderateFrom`. */
  readonly majorFrom: number;
}

/** Bounds by type. */
export type MagnitudeSettings = Readonly<Record<ChangeType, MagnitudeBounds>>;

/**
 * Largest magnitude that is taken. One is a move by a whole ATR, or all of an odds' change that
 * matters; a thousand times that is a mistake of units, and would keep a cluster's impact above any
 * threshold for 20 changes and more.
 */
export const MAGNITUDE_MAX = 1_000;

/** Most names of a change's metadata: it is kept until the next tick. */
export const METADATA_NAMES_MAX = 16;

/** Most characters of a name or a text in a change's metadata. */
export const METADATA_CHARS_MAX = 256;

/** Plain values by name: what whoever recorded a change wants to find beside it. */
export type ChangeMetadata = Readonly<Record<string, string | number | boolean | null>>;

/** A change of an edge, as it is recorded. */
export interface EdgeChange {
  /** Which edge. */
  readonly edgeId: string;
  /** What changed of it. */
  readonly type: ChangeType;
  /** How much, 0 to {@linkcode MAGNITUDE_MAX}, in a unit that makes 1 a large change. */
  readonly magnitude: number;
  /** Its value now, in its own unit. */
  readonly value?: number;
  /** When, epoch ms. */
  readonly at: number;
  /** Anything else; at most {@linkcode METADATA_NAMES_MAX} names. */
  readonly metadata?: ChangeMetadata;
}

/** Why a change is refused. */
export type ChangeRefusal =
  | "edge_id"
  | "type"
  | "magnitude"
  | "value"
  | "at"
  | "metadata"
  /** There is no room for another edge. */
  | "edges";

const SAME_FOR_ALL: MagnitudeBounds = { moderateFrom: 0.3, majorFrom: 1 };

/** From 0.3, at which a cluster's impact may fire; and from 1, at which one change alone fires. */
export const MAGNITUDE_DEFAULTS: MagnitudeSettings = {
  price_move: SAME_FOR_ALL,
  odds_change: SAME_FOR_ALL,
  status_change: SAME_FOR_ALL,
  prop_update: SAME_FOR_ALL,
  label: SAME_FOR_ALL,
  custom: SAME_FOR_ALL,
};

/**
 * Whole settings from what is set.
 *
 * @throws {RefreshError} code `options` for bounds that do not ascend, or of no type.
 */
export function magnitudeSettings(
  overrides: Readonly<Partial<Record<ChangeType, MagnitudeBounds>>> = {},
): MagnitudeSettings {
  for (const [type, bounds] of Object.entries(overrides)) {
    if (!isChangeType(type)) throw wrong(`types of ${CHANGE_TYPES.join(", ")}`, type);
    const { moderateFrom, majorFrom } = bounds;
    if (!(moderateFrom >= 0 && moderateFrom <= majorFrom && majorFrom <= MAGNITUDE_MAX)) {
      throw wrong(`0 ≤ moderateFrom ≤ majorFrom ≤ ${MAGNITUDE_MAX} for ${type}`, bounds);
    }
  }
  return { ...MAGNITUDE_DEFAULTS, ...overrides };
}

/** Class of a magnitude. O(1). */
export function magnitudeClass(
  settings: MagnitudeSettings,
  type: ChangeType,
  magnitude: number,
): MagnitudeClass {
  const { moderateFrom, majorFrom } = settings[type];
  return magnitude >= majorFrom ? "major" : magnitude >= moderateFrom ? "moderate" : "minor";
}

/** Whether it is a type of change. */
export function isChangeType(value: unknown): value is ChangeType {
  return (CHANGE_TYPES as readonly unknown[]).includes(value);
}

/** What is wrong with a change; null when nothing is. O(metadata). */
export function refusalOf(change: EdgeChange): Exclude<ChangeRefusal, "edges"> | null {
  const { edgeId, type, magnitude, value, at, metadata } = change;
  if (!isEdgeId(edgeId)) return "edge_id";
  if (!isChangeType(type)) return "type";
  // Written so that NaN is refused.
  if (!(typeof magnitude === "number" && magnitude >= 0 && magnitude <= MAGNITUDE_MAX)) {
    return "magnitude";
  }
  if (value !== undefined && !Number.isFinite(value)) return "value";
  if (!Number.isFinite(at) || at < 0) return "at";
  return metadata === undefined || isMetadata(metadata) ? null : "metadata";
}

function isMetadata(value: unknown): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const entries = Object.entries(value);
  return entries.length <= METADATA_NAMES_MAX && entries.every(([name, one]) => {
    if (name.length > METADATA_CHARS_MAX) return false;
    if (typeof one === "string") return one.length <= METADATA_CHARS_MAX;
    return one === null || typeof one === "boolean" || Number.isFinite(one);
  });
}

const wrong = (expected: string, value: unknown) =>
  new RefreshError(
    "options",
    `Cannot set bounds of magnitude: expected ${expected}: current value is ${shown(value)}`,
  );
