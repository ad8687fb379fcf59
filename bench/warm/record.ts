/**
 * What recording accesses costs: time an access, all that hears of it included; time of a ranking;
 * and memory after a million different keys, in a process of its own.
 *
 * @module
 */

import { AccessStatistics, KEYS_DEFAULT } from "../../src/warm/statistics.ts";
import { digits, type Figures, spreadOf } from "../support/figures.ts";
import { verify } from "../support/workload.ts";
import type { RecordMemory } from "./record_memory.ts";
import { accessesOf, recorder, rigKeys, START_MS, zipfOrder } from "./record_rig.ts";

const ACCESSES = 1_000_000;
/** Accesses that the warmer is told of at once. */
const BATCH = 4_000;
const ROUNDS = 7;
const DISTINCT = 1_000_000;
const HOUR_MS = 3_600_000;

/** Figures of access statistics. */
export async function recordFigures(
  figures: Figures,
  { quick }: { readonly quick: boolean },
): Promise<void> {
  const rounds = quick ? 2 : ROUNDS;
  const statistics = recordTime(figures, rounds);
  rankingTimes(figures, statistics, rounds);
  await memory(figures);
}

function recordTime(figures: Figures, rounds: number): AccessStatistics {
  const keys = rigKeys();
  const order = zipfOrder(ACCESSES);
  const micros: number[] = [];
  let last: AccessStatistics | null = null;
  // The first round compiles and is not counted.
  for (let round = 0; round <= rounds; round++) {
    const { statistics, told } = recorder(keys);
    let spentMs = 0;
    for (let from = 0; from < ACCESSES; from += BATCH) {
      const batch = accessesOf(order, keys, from, from + BATCH);
      const startMs = performance.now();
      for (const access of batch) statistics.record(access);
      spentMs += performance.now() - startMs;
    }
    if (round > 0) micros.push(spentMs * 1_000 / ACCESSES);
    verify("accesses", statistics.totals.accesses, ACCESSES);
    verify("keys with a slot", told.tracked - told.replaced, KEYS_DEFAULT);
    last = statistics;
    if (round === 0) figures.note(`${digits(told.replaced / ACCESSES * 100)} % take a slot`);
  }
  figures.add("an access recorded", spreadOf(micros), { better: "lower", unit: " µs", must: 0.3 });
  return last as AccessStatistics;
}

function rankingTimes(figures: Figures, statistics: AccessStatistics, rounds: number): void {
  const nowMs = START_MS + ACCESSES + HOUR_MS;
  const rankings = {
    popular: () => statistics.popular(100, nowMs).length,
    trending: () => statistics.trending(100, nowMs).length,
    "in an hour": () => statistics.inHour(nowMs, 100, nowMs).length,
    "of a sector": () => statistics.keysOf("tech", 100, nowMs).length,
    sectors: () => statistics.sectors(nowMs).length,
    "popular, all": () => statistics.popular(KEYS_DEFAULT, nowMs).length,
  };
  for (const [name, ranking] of Object.entries(rankings)) {
    ranking();
    const ms: number[] = [];
    let found = 0;
    for (let round = 0; round < rounds; round++) {
      const startMs = performance.now();
      found = ranking();
      ms.push(performance.now() - startMs);
    }
    figures.note(`${name}: ${found} found, ${digits(spreadOf(ms).median)} ms`);
    if (name === "popular, all") continue;
    figures.add(`ranking of keys: ${name}`, spreadOf(ms), {
      better: "lower",
      unit: " ms",
      must: 5,
    });
  }
}

async function memory(figures: Figures): Promise<void> {
  const script = new URL("./record_memory.ts", import.meta.url).pathname;
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--v8-flags=--expose-gc", script, `${DISTINCT}`],
  }).output();
  if (!success) throw new Error(`Cannot measure memory: ${new TextDecoder().decode(stderr)}`);
  const found: RecordMemory = JSON.parse(new TextDecoder().decode(stdout));
  verify("keys tracked", found.tracked, KEYS_DEFAULT);
  figures.note(
    `unique keys, estimate: ${found.uniqueKeys} of ${DISTINCT}; ` +
      `arrays ${digits(found.arrayBytes / KEYS_DEFAULT)} B a key, ` +
      `${digits(found.statisticsBytes / KEYS_DEFAULT)} of them counts, hours and keys; ` +
      `snapshot ${digits(found.snapshotBytes / 1e6)} MB`,
  );
  const kilobytes = found.bytes / KEYS_DEFAULT;
  figures.add(
    "statistics, rates and successors, per 1,000 tracked keys",
    spreadOf([kilobytes]),
    { better: "lower", unit: " kB", must: 100 },
  );
}
