/**
 * Figures that can fail: a number is printed beside what it must be and what it aims at, and a
 * bench whose must is short ends with exit code 1.
 *
 * @module
 */

import { availableParallelism, cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";

/** Median and range of the rounds of one measurement. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** What a figure is held against. */
export interface Bar {
  /** `higher` for ratios and rates, `lower` for times. */
  readonly better: "higher" | "lower";
  /** Written behind every number: `×`, ` ms`, ` M/s`. */
  readonly unit: string;
  readonly must: number;
  /** Left out where only a must was set. */
  readonly aim?: number;
}

/** One line per measurement; see {@linkcode Figures.add}. */
export interface Figure {
  readonly name: string;
  readonly spread: Spread;
  readonly bar: Bar;
  readonly ok: boolean;
}

/**
 * The median of `values` with their range.
 *
 * @throws {RangeError} when there are none: a bench that measured nothing has no figure.
 */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const [min, max] = [sorted[0], sorted.at(-1)];
  if (min === undefined || max === undefined) {
    throw new RangeError("Cannot take a median: expected at least one value");
  }
  const half = sorted.length >> 1;
  const upper = sorted[half] ?? max;
  const lower = sorted.length % 2 === 1 ? upper : sorted[half - 1] ?? min;
  return { median: (lower + upper) / 2, min, max };
}

/**
 * The value below which `share` of `values` lie (nearest rank).
 *
 * @throws {RangeError} when there are none.
 */
export function percentileOf(values: ArrayLike<number>, share: number): number {
  const sorted = Float64Array.from(values).sort();
  const found = sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
  if (found === undefined) {
    throw new RangeError("Cannot take a percentile: expected at least one value");
  }
  return found;
}

/** Whether the median of `spread` meets the must of `bar`. */
export function meets(spread: Spread, bar: Bar): boolean {
  // Written so that NaN is short on either side.
  return bar.better === "higher" ? spread.median >= bar.must : spread.median <= bar.must;
}

/** Three significant digits, without an exponent. */
export function digits(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3);
}

/** Prints figures as they come and remembers which are short. */
export class Figures {
  readonly #figures: Figure[] = [];
  readonly #print: (line: string) => void;

  /** Prints the machine first: a figure without its machine means nothing. */
  constructor(print: (line: string) => void = console.log) {
    this.#print = print;
    print(machineLine());
  }

  /** All figures so far. */
  get all(): readonly Figure[] {
    return this.#figures;
  }

  /**
   * Prints `name value [min–max] (must …, aim …) ok|short`. The median counts; the range shows how
   * far to trust it.
   */
  add(name: string, spread: Spread, bar: Bar): Figure {
    const figure = { name, spread, bar, ok: meets(spread, bar) };
    this.#figures.push(figure);
    const { unit, must, aim } = bar;
    const goal = aim === undefined
      ? `must ${must}${unit}`
      : `must ${must}${unit}, aim ${aim}${unit}`;
    const range = `[${digits(spread.min)}–${digits(spread.max)}]`;
    const value = `${digits(spread.median)}${unit}`;
    this.#print(`${name.padEnd(52)} ${value} ${range} (${goal}) ${figure.ok ? "ok" : "short"}`);
    return figure;
  }

  /** Prints what stands behind the figures that follow or went before. */
  note(text: string): void {
    this.#print(`  ${text}`);
  }

  /** Prints the sum; returns the exit code: 1 when a must is short or nothing was measured. */
  finish(): number {
    const short = this.#figures.filter((figure) => !figure.ok);
    if (this.#figures.length === 0) this.#print("nothing was measured");
    else if (short.length === 0) this.#print(`${this.#figures.length} figures, every must is met`);
    else this.#print(`short: ${short.map((figure) => figure.name).join("; ")}`);
    return short.length > 0 || this.#figures.length === 0 ? 1 : 0;
  }
}

/** Cores, processor, versions and what else runs here. */
export function machineLine(): string {
  const cores = availableParallelism();
  const model = cpus()[0]?.model.trim() ?? "unknown processor";
  const load = (loadavg()[0] ?? 0).toFixed(1);
  const { deno, v8 } = Deno.version;
  const { os, arch } = Deno.build;
  return `machine ${cores} cores (${model}, load ${load}), deno ${deno}, v8 ${v8}, ${os} ${arch}`;
}

/** What every bench takes on its command line. */
export interface BenchOptions {
  /** Names to measure; empty = all. */
  readonly only: readonly string[];
  /** Few short rounds: shows that the bench works, gives no figure to quote. */
  readonly quick: boolean;
  /** Counts that this bench takes beside, those that were given. */
  readonly counts: Readonly<Record<string, number>>;
}

/**
 * Reads `--only name` (may repeat), `--quick`, and counts by name as `counts` describes them;
 * prints the help or the mistake and exits when that is asked for or made.
 */
export function benchOptions(
  about: string,
  names: readonly string[],
  counts: Readonly<Record<string, string>> = {},
): BenchOptions {
  const help = `${about}\n\n  --only NAME  measure only this, may repeat: ${names.join(", ")}\n` +
    "  --quick      few short rounds: shows that it works, gives no figure to quote" +
    Object.entries(counts).map(([name, text]) => `\n  --${name} N  ${text}`).join("");
  const { values, numbers } = readArgs(help, Object.keys(counts));
  if (values.help === true) {
    console.log(help);
    Deno.exit(0);
  }
  const only = values.only ?? [];
  const unknown = only.filter((name) => !names.includes(name));
  if (unknown.length > 0) {
    console.error(`Cannot measure ${unknown.join(", ")}: expected some of ${names.join(", ")}`);
    Deno.exit(2);
  }
  return { only, quick: values.quick === true, counts: numbers };
}

/** Runs what was asked for, in its order, and ends the process as the figures say. */
export async function runMeasurements(
  figures: Figures,
  { only, quick }: BenchOptions,
  measurements: Readonly<Record<string, () => void | Promise<void>>>,
): Promise<never> {
  if (quick) figures.note("--quick: shows that the bench works; not figures to quote");
  for (const [name, measure] of Object.entries(measurements)) {
    if (only.length === 0 || only.includes(name)) await measure();
  }
  Deno.exit(figures.finish());
}

function readArgs(help: string, counts: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: Deno.args,
      options: {
        only: { type: "string", multiple: true },
        quick: { type: "boolean" },
        help: { type: "boolean", short: "h" },
        ...Object.fromEntries(counts.map((name) => [name, { type: "string" as const }])),
      },
    });
    const numbers: Record<string, number> = {};
    for (const name of counts) {
      const text = (values as Record<string, unknown>)[name];
      if (text === undefined) continue;
      const count = Number(text);
      if (!Number.isInteger(count) || count < 1) {
        throw new RangeError(`Cannot take --${name}: expected a count from 1: got ${text}`);
      }
      numbers[name] = count;
    }
    return { values, numbers };
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${help}`);
    Deno.exit(2);
  }
}
