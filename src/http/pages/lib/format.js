// Figures and times as texts. Times are UTC; what is not known is a dash.

/** What stands for a value that is not known. */
export const DASH = "–";
// Keeps a figure and its unit in one line.
const GAP = "\u00a0";

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

// Made once: toLocaleString makes one for each figure, which costs twenty times as much.
const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const DECIMALS = new Map();

const isKnown = (value) => typeof value === "number" && Number.isFinite(value);

/** A whole number with separators: "12,345". */
export function count(n) {
  return isKnown(n) ? WHOLE.format(Math.round(n)) : DASH;
}

/** A number with so many digits after the point: "12,345.60". */
export function decimal(n, digits = 1) {
  if (!isKnown(n)) return DASH;
  let writer = DECIMALS.get(digits);
  if (writer === undefined) {
    const options = { minimumFractionDigits: digits, maximumFractionDigits: digits };
    DECIMALS.set(digits, writer = new Intl.NumberFormat("en", options));
  }
  // Without it −0.04 is "-0.0".
  return writer.format(Number(n.toFixed(digits)) + 0);
}

/** A number in at most three digits and a half: "950", "12.3 k", "4.56 M". */
export function compact(n) {
  if (!isKnown(n)) return DASH;
  const size = Math.abs(n);
  if (size < 1_000) return plain(n);
  const units = ["k", "M", "G", "T"];
  let unit = 0;
  let scaled = n / 1_000;
  // What would be rounded up to 1000 belongs to the next unit.
  while (Math.abs(scaled) >= 999.5 && unit < units.length - 1) {
    scaled /= 1_000;
    unit += 1;
  }
  return `${threeDigits(scaled)}${GAP}${units[unit]}`;
}

/** A time span: "0.8 ms", "12 ms", "1.2 s", "4 min 10 s", "3 h 4 min", "2 d 3 h". */
export function duration(ms) {
  if (!isKnown(ms)) return DASH;
  if (ms < 0) return `−${duration(-ms)}`;
  if (ms < 999.5) return `${plain(ms)}${GAP}ms`;
  if (ms < 59_950) return `${decimal(ms / SECOND_MS, ms < 9_950 ? 1 : 0)}${GAP}s`;
  // What would be rounded up to the next unit belongs there.
  const seconds = Math.round(ms / SECOND_MS);
  if (seconds < 3_600) return two(seconds, 60, "min", "s");
  const minutes = Math.round(ms / MINUTE_MS);
  if (minutes < 1_440) return two(minutes, 60, "h", "min");
  return two(Math.round(ms / HOUR_MS), 24, "d", "h");
}

/** A size in bytes, powers of ten as bounds and targets are given: "512 B", "1.20 MB". */
export function bytes(n) {
  if (!isKnown(n)) return DASH;
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  let scaled = n;
  while (Math.abs(scaled) >= 999.5 && unit < units.length - 1) {
    scaled /= 1_000;
    unit += 1;
  }
  return `${unit === 0 ? count(scaled) : threeDigits(scaled)}${GAP}${units[unit]}`;
}

/** A ratio as a percentage: "95.0 %", "99.95 %"; only 1 itself is "100 %". */
export function percent(x) {
  if (!isKnown(x)) return DASH;
  if (x === 0 || x === 1) return `${x * 100}${GAP}%`;
  const value = x * 100;
  const digits = x > 0.99 && x < 1 ? 2 : 1;
  // Neither "100.00 %" for what is below nor "0.0 %" for what is above.
  if (x < 1 && value > 99.99) return `>99.99${GAP}%`;
  if (x > 0 && value < 0.05) return `<0.1${GAP}%`;
  return `${decimal(value, digits)}${GAP}%`;
}

/** A time of day, "14:03:09"; with its date when that is not the one of `nowMs`. */
export function time(ms, nowMs = Date.now()) {
  if (!isKnown(ms)) return DASH;
  const text = isoOf(ms);
  if (text === null) return DASH;
  const clock = text.slice(11, 19);
  return text.slice(0, 10) === isoOf(nowMs)?.slice(0, 10) ? clock : `${text.slice(0, 10)} ${clock}`;
}

/** Date and time to the minute: "2025-11-26 14:03". */
export function dateTime(ms) {
  const text = isKnown(ms) ? isoOf(ms) : null;
  return text === null ? DASH : `${text.slice(0, 10)} ${text.slice(11, 16)}`;
}

/** How long ago: "now", "3 s ago", "in 5 min". */
export function ago(ms, nowMs) {
  if (!isKnown(ms) || !isKnown(nowMs)) return DASH;
  const passed = nowMs - ms;
  if (Math.abs(passed) < SECOND_MS) return "now";
  const span = rough(Math.abs(passed));
  return passed < 0 ? `in ${span}` : `${span} ago`;
}

function rough(ms) {
  if (ms < MINUTE_MS) return `${Math.floor(ms / SECOND_MS)}${GAP}s`;
  if (ms < HOUR_MS) return `${Math.floor(ms / MINUTE_MS)}${GAP}min`;
  if (ms < DAY_MS) return `${Math.floor(ms / HOUR_MS)}${GAP}h`;
  return `${Math.floor(ms / DAY_MS)}${GAP}d`;
}

function two(total, per, large, small) {
  const rest = total % per;
  const head = `${WHOLE.format(Math.floor(total / per))}${GAP}${large}`;
  return rest === 0 ? head : `${head} ${rest}${GAP}${small}`;
}

/** Whole numbers as they are, others in about three digits. */
function plain(n) {
  return Number.isInteger(n) ? String(n) : threeDigits(n);
}

function threeDigits(n) {
  const size = Math.abs(n);
  if (size >= 99.95) return decimal(n, 0);
  if (size >= 9.995) return decimal(n, 1);
  return decimal(n, 2);
}

function isoOf(ms) {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}
