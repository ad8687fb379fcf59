/**
 * Memory after a million distinct keys, statistics across a restart, and what warming costs of the
 * processor (spec: warming, "Must show" 4).
 *
 * @module
 */

import { nextOpen } from "../../src/market/calendar.ts";
import type { WarmingPorts } from "../../src/warm/warming.ts";
import { type Figures, spreadOf } from "../support/figures.ts";
import { verify } from "../support/workload.ts";
import type { MemoryReport } from "./memory.ts";
import { playRig } from "./rig.ts";
import { stretchOf } from "./stretch.ts";
import { playWarming, WarmingSide } from "./warming_side.ts";
import { readWorkload, type Workload } from "./workloads.ts";

const ENTRIES = 8_000;
const KEYS = 1_000_000;
const KEYS_QUICK = 50_000;
const HOUR_MS = 3_600_000;

/** Must show 4, its first parts. */
export async function memoryFigures(
  figures: Figures,
  { quick }: { readonly quick: boolean },
): Promise<void> {
  const keys = quick ? KEYS_QUICK : KEYS;
  const report = await measured(keys);
  const { fullBytes, emptyBytes, snapshotBytes, trackedKeys, keysMax, uniqueKeys } = report;
  verify("keys tracked", trackedKeys, Math.min(keys, keysMax));
  figures.note(
    `${keys} distinct keys, ${report.accesses} accesses: ${trackedKeys} tracked, ` +
      `${uniqueKeys.toFixed(0)} counted as unique; ${mb(emptyBytes)} MB empty, ` +
      `${mb(fullBytes)} MB full, ${mb(snapshotBytes)} MB for a snapshot while it is written`,
  );
  figures.note(
    `planner, credit and timers included ${
      (fullBytes / keysMax).toFixed(0)
    } B a tracked key; the ` +
      "access statistics alone are a figure of --only record",
  );
  const workload = readWorkload("day1");
  if (workload === null) return figures.note("restart, CPU: not measured, ../shared is not there");
  const openMs = nextOpen("nyse", workload.atMs[0] ?? 0);
  const hours = quick ? 0.5 : 2;
  const rush = stretchOf(workload, openMs - hours * HOUR_MS, openMs + hours * HOUR_MS);
  await restart(figures, rush);
  await processor(figures, rush);
}

/** What a process says that goes on from the snapshot of another is what that one says. */
async function restart(figures: Figures, workload: Workload): Promise<void> {
  let ports: WarmingPorts | null = null;
  let first: WarmingSide | null = null;
  const { endMs } = await playRig(workload, {
    entriesMax: ENTRIES,
    seed: 1,
    warmer: (given) => {
      ports = given;
      return first = new WarmingSide(given, 1, {});
    },
  });
  if (ports === null || first === null) throw new Error("Cannot restart: expected a warmer");
  const { warming }: WarmingSide = first;
  const second = new WarmingSide(ports, 1, { snapshot: warming.snapshot(endMs) });
  const [before, after] = [warming, second.warming].map((one) => one.patterns(endMs));
  figures.add("restart: patterns as before", spreadOf([Number(isSame(before, after))]), {
    better: "higher",
    unit: "",
    must: 1,
  });
}

/** The same keys in the same order, and figures that differ no more than 32-bit numbers do. */
function isSame(one: unknown, other: unknown): boolean {
  if (typeof one === "number" && typeof other === "number") {
    return Math.abs(one - other) <= ROUNDING * Math.max(Math.abs(one), Math.abs(other));
  }
  if (typeof one !== "object" || one === null || typeof other !== "object" || other === null) {
    return one === other;
  }
  const names = Object.keys(one);
  return names.length === Object.keys(other).length &&
    names.every((name) =>
      isSame((one as Record<string, unknown>)[name], (other as Record<string, unknown>)[name])
    );
}

const ROUNDING = 1e-4;

/** Processor time of warming at the day's peak, of one core. */
async function processor(figures: Figures, workload: Workload): Promise<void> {
  const { warmS, totalS, seen, upstream } = await playWarming(workload, {
    entriesMax: ENTRIES,
    seed: 1,
  });
  const wallS = ((workload.atMs.at(-1) ?? 0) - (workload.atMs[0] ?? 0)) / 1_000;
  figures.note(
    `CPU: ${warmS.toFixed(2)} s of warming in ${wallS.toFixed(0)} s around the opening with ` +
      `${seen.requests} requests and ${upstream.keys} keys fetched; the whole play, users and ` +
      `provider simulated in it, took ${totalS.toFixed(1)} s`,
  );
  figures.add("CPU of warming at the day's peak, of a core", spreadOf([100 * warmS / wallS]), {
    better: "lower",
    unit: " %",
    must: 5,
  });
}

async function measured(keys: number): Promise<MemoryReport> {
  const script = new URL("./memory.ts", import.meta.url).pathname;
  const config = new URL("../../deno.json", import.meta.url).pathname;
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "-q", `--config=${config}`, "--v8-flags=--expose-gc", script, `${keys}`],
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout)) as MemoryReport;
}

const mb = (bytes: number): string => (bytes / 2 ** 20).toFixed(2);
