/**
 * What outlives the process of `ChanceOfUse`, and how it is checked.
 *
 * @module
 */

import type { ActivitySnapshot } from "./chance_activity.ts";
import { shown, WarmError } from "./error.ts";
import type { RatesSnapshot } from "./rates.ts";
import type { SlotArray } from "./slot_array.ts";

/** See the head of this file. Arrays by slot where nothing else is said. */
export interface ChanceSnapshot {
  /** Row of its symbol + 1; 0 for none. */
  readonly rows: SlotArray;
  readonly counts: Float32Array<ArrayBuffer>;
  readonly lastTicks: Uint32Array<ArrayBuffer>;
  readonly rates: RatesSnapshot;
  /** Names of the sectors, in the order of their numbers from 1 on. */
  readonly sectors: readonly string[];
  /** Names of the shapes, in the order of their numbers from 1 on. */
  readonly shapes: readonly string[];
  /** Accesses by group and shape. */
  readonly shapeCounts: Float64Array<ArrayBuffer>;
  /** By group. */
  readonly activities: readonly ActivitySnapshot[];
  readonly mix: Float64Array<ArrayBuffer>;
  readonly model: Float64Array<ArrayBuffer>;
  readonly reliability: readonly number[];
}

/** Lengths that a snapshot must have. */
export interface SnapshotLengths {
  readonly groups: number;
  readonly shapeCounts: number;
  readonly sectorCounts: number;
  readonly mix: number;
  readonly model: number;
  readonly reliability: number;
  readonly activity: number;
  readonly speeds: number;
}

/**
 * The snapshot that was given.
 *
 * @throws {WarmError} code `snapshot`, when it is none.
 */
export function checkedChance(value: unknown, lengths: SnapshotLengths): ChanceSnapshot {
  const given = value as ChanceSnapshot | null;
  if (typeof given !== "object" || given === null) throw wrong("an object", value);
  const slots = isSlots(given.rows) ? given.rows.length : -1;
  if (slots < 0) throw wrong("rows by slot", given.rows);
  finite("counts", given.counts, Float32Array, slots);
  finite("lastTicks", given.lastTicks, Uint32Array, slots);
  const { rates } = given;
  if (typeof rates !== "object" || rates === null) throw wrong("rates", rates);
  finite("rates.lastTicks", rates.lastTicks, Uint32Array, null);
  const rows = rates.lastTicks.length;
  finite("rates.counts", rates.counts, Float32Array, rows * lengths.speeds);
  finite("rates.groups", rates.groups, Float64Array, lengths.groups * lengths.speeds);
  finite("rates.sectors", rates.sectors, Float64Array, lengths.sectorCounts);
  if (!Number.isFinite(rates.atMs)) throw wrong("a time", rates.atMs);
  if (!given.rows.every((row) => row <= rows)) throw wrong(`rows up to ${rows}`, "a larger one");
  names("sectors", given.sectors);
  names("shapes", given.shapes);
  finite("shapeCounts", given.shapeCounts, Float64Array, lengths.shapeCounts);
  finite("mix", given.mix, Float64Array, lengths.mix);
  finite("model", given.model, Float64Array, lengths.model);
  const { reliability, activities } = given;
  if (
    !Array.isArray(reliability) || reliability.length !== lengths.reliability ||
    !reliability.every((count) => typeof count === "number" && count >= 0 && count < Infinity)
  ) throw wrong(`${lengths.reliability} counts`, reliability);
  if (!Array.isArray(activities) || activities.length !== lengths.groups) {
    throw wrong(`activities of ${lengths.groups} groups`, activities);
  }
  for (const activity of activities) finite("activity", activity, Float64Array, lengths.activity);
  return given;
}

type Numbers = Float32Array | Float64Array | Uint32Array;

const isSlots = (value: unknown): value is SlotArray =>
  value instanceof Uint16Array || value instanceof Uint32Array;

function finite(
  name: string,
  value: unknown,
  type: Float32ArrayConstructor | Float64ArrayConstructor | Uint32ArrayConstructor,
  length: number | null,
): void {
  const isFine = value instanceof type && (length === null || value.length === length) &&
    (value as Numbers).every(Number.isFinite);
  if (!isFine) throw wrong(`${name}: ${length ?? "some"} finite numbers`, typeof value);
}

function names(name: string, value: unknown): void {
  const isFine = Array.isArray(value) && value.length < 256 &&
    value.every((text) => typeof text === "string");
  if (!isFine) throw wrong(`${name}: names`, value);
}

const wrong = (expected: string, value: unknown) =>
  new WarmError(
    "snapshot",
    `Cannot restore chances: expected ${expected}: current value is ${shown(value)}`,
  );
