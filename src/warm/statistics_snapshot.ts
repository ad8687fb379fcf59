/**
 * What is kept of access statistics while the process is down, and whether what is read back is it.
 *
 * A snapshot is plain data of bounded size: some 45 bytes a slot, 4 kB, and the users and sectors
 * that were said. Everything is checked before anything is taken: it lay on a disk.
 *
 * @module
 */

import type { DecayedSnapshot } from "./decayed.ts";
import { shown, WarmError } from "./error.ts";
import { type HourRowsSnapshot, rowsFor } from "./hour_rows.ts";
import type { HourTotalsSnapshot } from "./hour_totals.ts";
import { WEEK_HOURS } from "./hour_of_week.ts";
import { KEY_BYTES_MAX } from "./key_reader.ts";
import { SECTOR_CHARS_MAX, SECTOR_SYMBOLS_MAX } from "./sectors.ts";
import { MARKS_END, type SlotFiguresSnapshot } from "./slot_figures.ts";
import { TRACKED_KEYS_MAX, type TrackedKeysSnapshot } from "./tracked_keys.ts";
import { UniqueKeys } from "./unique.ts";
import { FAVOURITES_MAX, USER_CHARS_MAX, USERS_MAX, type UsersSnapshot } from "./users.ts";

/** Format of snapshots; others are not read. */
export const SNAPSHOT_VERSION = 1;

/** See the top of the file. */
export interface StatisticsSnapshot {
  readonly version: typeof SNAPSHOT_VERSION;
  readonly keysMax: number;
  /** When it was taken, when the statistics began, and when counts were last halved; epoch ms. */
  readonly atMs: number;
  readonly sinceMs: number;
  readonly halvedAtMs: number;
  readonly accesses: number;
  readonly lost: number;
  readonly untracked: number;
  readonly keys: TrackedKeysSnapshot;
  readonly fast: DecayedSnapshot;
  readonly slow: DecayedSnapshot;
  readonly figures: SlotFiguresSnapshot;
  readonly hours: HourRowsSnapshot;
  readonly hourTotals: HourTotalsSnapshot;
  readonly unique: Uint8Array<ArrayBuffer>;
  /** What was said of sectors: symbol and sector. */
  readonly sectors: readonly (readonly [symbol: string, sector: string])[];
  /** Null where patterns of users are not kept. */
  readonly users: UsersSnapshot | null;
}

/** Which slots of a snapshot go where: as they were, or the ones counted most where fewer fit. */
export function slotsKept({ keysMax, keys: { counts } }: StatisticsSnapshot, slots: number) {
  const from = new Int32Array(slots).fill(-1);
  if (keysMax <= slots) {
    for (let slot = 0; slot < keysMax; slot++) if ((counts[slot] as number) > 0) from[slot] = slot;
    return from;
  }
  const byCount = Array.from(counts.keys()).filter((slot) => (counts[slot] as number) > 0)
    .sort((a, b) => (counts[b] as number) - (counts[a] as number) || a - b).slice(0, slots);
  for (const slot of byCount) if (slot < slots) from[slot] = slot;
  let free = 0;
  for (const slot of byCount) {
    if (slot < slots) continue;
    while (from[free] !== -1) free++;
    from[free] = slot;
  }
  return from;
}

/**
 * The snapshot that was given.
 *
 * @throws {WarmError} code `snapshot`, naming the part that is not what it must be.
 */
export function checkedSnapshot(given: unknown): StatisticsSnapshot {
  const snapshot = record("a snapshot", given);
  if (snapshot.version !== SNAPSHOT_VERSION) {
    throw wrong("version", String(SNAPSHOT_VERSION), snapshot.version);
  }
  const slots = snapshot.keysMax;
  if (!isCount(slots, TRACKED_KEYS_MAX) || slots < 1) {
    throw wrong("keysMax", `1 to ${TRACKED_KEYS_MAX}`, slots);
  }
  for (const name of ["atMs", "sinceMs", "halvedAtMs"]) checkTime(name, snapshot[name]);
  for (const name of ["accesses", "lost", "untracked"]) checkCount(name, snapshot[name]);
  checkKeys(record("keys", snapshot.keys), slots);
  checkDecayed("fast", snapshot.fast, slots);
  checkDecayed("slow", snapshot.slow, slots);
  checkFigures(record("figures", snapshot.figures), slots);
  checkHours(record("hours", snapshot.hours), slots);
  checkHourTotals(record("hourTotals", snapshot.hourTotals));
  if (!UniqueKeys.areRegisters(snapshot.unique)) throw wrong("unique", "registers", "others");
  checkSectors(snapshot.sectors);
  if (snapshot.users !== null) checkUsers(record("users", snapshot.users), slots);
  // Every part was looked at.
  return given as StatisticsSnapshot;
}

type Parts = Readonly<Record<string, unknown>>;
type Numbers = Uint8Array | Uint16Array | Uint32Array | Int32Array | Float32Array | Float64Array;

function checkKeys(keys: Parts, slots: number): void {
  const { seeds } = keys;
  if (!(Array.isArray(seeds) && seeds.length === 2 && seeds.every((seed) => isCount(seed)))) {
    throw wrong("keys.seeds", "two words", seeds);
  }
  checkCount("keys.untrackedMax", keys.untrackedMax);
  const counts = numbers("keys.counts", keys.counts, Uint32Array, slots);
  const errors = numbers("keys.errors", keys.errors, Uint32Array, slots);
  const texts = record("keys.keys", keys.keys);
  const has = numbers("keys.keys.has", texts.has, Uint8Array, slots);
  const lengths = numbers("keys.keys.lengths", texts.lengths, Uint8Array, slots);
  let bytes = 0;
  for (let slot = 0; slot < slots; slot++) {
    const count = counts[slot] as number, error = errors[slot] as number;
    const isFree = count === 0 && error === 0 && has[slot] === 0 && lengths[slot] === 0;
    if (!isFree && !(has[slot] === 1 && count > 0 && error <= count)) {
      throw wrong(
        `keys, slot ${slot}`,
        "a key with a count not below its error, or neither",
        count,
      );
    }
    bytes += lengths[slot] as number;
  }
  const all = numbers("keys.keys.bytes", texts.bytes, Uint8Array, bytes);
  checkTexts(all, has, lengths);
}

/** Keys are text that can be kept, each only once. */
function checkTexts(bytes: Numbers, has: Numbers, lengths: Numbers): void {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const keys = new Set<string>();
  let end = 0;
  for (const [slot, length] of lengths.entries()) {
    const from = end;
    end += length;
    if (has[slot] === 0) continue;
    let key: string;
    try {
      key = decoder.decode(bytes.subarray(from, end) as Uint8Array<ArrayBuffer>);
    } catch {
      throw wrong(`key of slot ${slot}`, `UTF-8 of at most ${KEY_BYTES_MAX} bytes`, "other bytes");
    }
    if (keys.has(key)) throw wrong(`key of slot ${slot}`, "each key once", key);
    keys.add(key);
  }
}

function checkDecayed(name: string, given: unknown, slots: number): void {
  const counts = record(name, given);
  const values = numbers(`${name}.values`, counts.values, Float32Array, slots);
  if (!values.every((value) => value >= 0 && value < Infinity)) {
    throw wrong(`${name}.values`, "counts", "others");
  }
  if (!isAmount(counts.total)) throw wrong(`${name}.total`, "a sum", counts.total);
  checkTime(`${name}.landmarkMs`, counts.landmarkMs);
}

function checkFigures(figures: Parts, slots: number): void {
  numbers("figures.lastMinutes", figures.lastMinutes, Uint16Array, slots);
  numbers("figures.hitsAndWaits", figures.hitsAndWaits, Uint8Array, slots);
  const marks = numbers("figures.marks", figures.marks, Uint8Array, slots);
  if (!marks.every((mark) => mark < MARKS_END)) throw wrong("figures.marks", "marks", "others");
  const answers = record("figures.answers", figures.answers);
  for (const name of ["fresh", "stale", "waited", "elsewhere", "warmed"]) {
    checkCount(`figures.answers.${name}`, answers[name]);
  }
}

function checkHours(hours: Parts, slots: number): void {
  const rows = rowsFor(slots);
  const ofRow = numbers("hours.slots", hours.slots, Int32Array, rows);
  if (!ofRow.every((slot) => slot >= -1 && slot < slots)) {
    throw wrong("hours.slots", `slots below ${slots}`, "others");
  }
  const taken = ofRow.filter((slot) => slot >= 0);
  if (new Set(taken).size < taken.length) throw wrong("hours.slots", "each slot once", "twice");
  numbers("hours.cells", hours.cells, Uint8Array, rows * WEEK_HOURS);
  numbers("hours.running", hours.running, Uint32Array, rows);
  checkHour("hours.hour", hours.hour);
}

function checkHourTotals(totals: Parts): void {
  const means = numbers("hourTotals.means", totals.means, Float64Array, WEEK_HOURS);
  if (!means.every((mean) => Number.isNaN(mean) || isAmount(mean))) {
    throw wrong("hourTotals.means", "means", "others");
  }
  checkCount("hourTotals.running", totals.running);
  checkHour("hourTotals.hour", totals.hour);
}

function checkSectors(given: unknown): void {
  if (!Array.isArray(given) || given.length > SECTOR_SYMBOLS_MAX) {
    throw wrong("sectors", `at most ${SECTOR_SYMBOLS_MAX}`, typeof given);
  }
  for (const pair of given) {
    const isPair = Array.isArray(pair) && pair.length === 2 &&
      pair.every((word) => isText(word, SECTOR_CHARS_MAX) && word.length > 0);
    if (!isPair) throw wrong("sectors", "a symbol and a sector", pair);
  }
}

function checkUsers(users: Parts, slots: number): void {
  const { names } = users;
  const areNames = Array.isArray(names) && names.length <= USERS_MAX &&
    names.every((name) => isText(name, USER_CHARS_MAX)) && new Set(names).size === names.length;
  if (!areNames) throw wrong("users.names", `at most ${USERS_MAX} names, each once`, typeof names);
  const places = names.length * FAVOURITES_MAX;
  const ofPlace = numbers("users.slots", users.slots, Int32Array, places);
  if (!ofPlace.every((slot) => slot >= -1 && slot < slots)) {
    throw wrong("users.slots", `slots below ${slots}`, "others");
  }
  numbers("users.counts", users.counts, Uint32Array, places);
}

function record(name: string, given: unknown): Parts {
  if (typeof given === "object" && given !== null && !Array.isArray(given)) return given as Parts;
  throw wrong(name, "an object", given);
}

function numbers<T extends Numbers>(
  name: string,
  given: unknown,
  Type: new (length: number) => T,
  length: number,
): T {
  if (given instanceof Type && given.length === length) return given;
  const found = given instanceof Type ? given.length : typeof given;
  throw wrong(name, `${length} numbers in a ${Type.name}`, found);
}

const isText = (given: unknown, charsMax: number): given is string =>
  typeof given === "string" && given.length <= charsMax;

const isAmount = (given: unknown): given is number =>
  typeof given === "number" && given >= 0 && given < Infinity;

function isCount(given: unknown, max: number = Number.MAX_SAFE_INTEGER): given is number {
  return Number.isInteger(given) && (given as number) >= 0 && (given as number) <= max;
}

function checkCount(name: string, given: unknown): void {
  if (!isCount(given)) throw wrong(name, "a count", given);
}

const TIME_MAX_MS = 8.64e15;
const HOUR_MS = 3_600_000;

function checkTime(name: string, given: unknown): void {
  if (!(isAmount(given) && given <= TIME_MAX_MS)) throw wrong(name, "epoch ms", given);
}

function checkHour(name: string, given: unknown): void {
  if (!isCount(given, TIME_MAX_MS / HOUR_MS)) throw wrong(name, "hours since 1970", given);
}

function wrong(part: string, expected: string, found: unknown): WarmError {
  return new WarmError(
    "snapshot",
    `Cannot restore statistics: expected ${expected} for ${part}: current value is ${shown(found)}`,
  );
}
