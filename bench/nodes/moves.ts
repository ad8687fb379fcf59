/**
 * How long partitions stand still when their owner crashes, or hands them over.
 *
 * @module
 */

import { pause, systemClock } from "../../src/actor/clock.ts";
import type { Market } from "../labels/market.ts";
import { digits, type Figures, percentileOf, spreadOf } from "../support/figures.ts";
import { CandleFlow, NodeGroup } from "./group.ts";
import type { PartitionCommit } from "./log_reader.ts";

/** Lease of a node, ms: the default. */
const LEASE_MS = 2_000;
/** A candle in each partition so often, ms. */
const FLOW_EVERY_MS = 160;
/** A third of the partitions moves when a third node joins or leaves; a little less is as even. */
const MOVED_MIN = 75;
/** Time after which every partition has been committed to by its next owner, ms. */
const SEEN_MS = 700;

/** What a crash cost, ms from it. */
interface TakeOver {
  /** Until one of its partitions was committed to by another node. */
  readonly firstMs: number;
  /** Until all of them were. */
  readonly lastMs: number;
}

/** See the module's text. */
export async function takeOverFigures(figures: Figures, market: Market, rounds: number) {
  const found = await takeOvers(market, rounds);
  const spread = (of: (one: TakeOver) => number) => spreadOf(found.map(of));
  const must = LEASE_MS + 250;
  figures.add(
    `take-over after kill -9, lease ${LEASE_MS} ms: first commit`,
    spread(({ firstMs }) => firstMs),
    { unit: " ms", must, better: "lower" },
  );
  const last = found.map(({ lastMs }) => lastMs);
  figures.add(
    "the same: every partition committed to, worst of all kills",
    { ...spreadOf(last), median: Math.max(...last) },
    { unit: " ms", must, better: "lower" },
  );
  figures.note(`${rounds} kills; of two nodes under a flow of candles through all partitions`);
}

async function takeOvers(market: Market, rounds: number): Promise<TakeOver[]> {
  await using group = await NodeGroup.start(LEASE_MS);
  await group.join("a");
  await group.join("b");
  await group.settled();
  await using _flow = new CandleFlow(group, market, FLOW_EVERY_MS);
  const found: TakeOver[] = [];
  for (let round = 0; round < rounds; round++) {
    await pause(systemClock, 500);
    const name = round % 2 === 0 ? "a" : "b";
    const session = await group.sessionOf(name);
    const owners = await group.owners();
    const from = group.trail.commits.length;
    const killedMs = await group.end(name, "SIGKILL");
    await pause(systemClock, LEASE_MS + SEEN_MS);
    const firsts = firstsOf(group.trail.commits.slice(from), session, owners);
    const waits = [...firsts.values()].map((atMs) => atMs - killedMs);
    found.push({ firstMs: Math.min(...waits), lastMs: Math.max(...waits) });
    await group.join(name);
    await group.settled();
  }
  return found;
}

/** When partitions of a session were committed to first by another. */
function firstsOf(
  commits: readonly PartitionCommit[],
  session: string,
  owners: ReadonlyMap<number, string>,
): Map<number, number> {
  const firsts = new Map<number, number>();
  for (const { partition, session: by, atMs } of commits) {
    if (owners.get(partition) !== session || by === session || firsts.has(partition)) continue;
    firsts.set(partition, atMs);
  }
  return firsts;
}

/** See the module's text. */
export async function handOverFigures(figures: Figures, market: Market, rounds: number) {
  const { leaves, joins, ordinary } = await handOvers(market, rounds);
  const add = (name: string, moves: readonly (readonly number[])[]) => {
    figures.add(
      `planned hand-over ${name}: its worst partition stands still for`,
      spreadOf(moves.map((gaps) => Math.max(...gaps))),
      { unit: " ms", must: 50, better: "lower" },
    );
    const all = moves.flat();
    const [p50, p90, p99] = [0.5, 0.9, 0.99].map((share) => digits(percentileOf(all, share)));
    figures.note(
      `all ${all.length} partitions of ${moves.length} moves: p50 ${p50}, p90 ${p90}, p99 ${p99} ms`,
    );
  };
  add("by a node that leaves", leaves);
  add("to a node that joins", joins);
  const [p50, p90, p99] = [0.5, 0.9, 0.99].map((share) => digits(percentileOf(ordinary, share)));
  figures.note(
    "partitions that stay, meanwhile, from a candle to its commit: " +
      `p50 ${p50}, p90 ${p90}, p99 ${p99} ms`,
  );
  figures.note(
    `${rounds} times a third node joins and leaves; from the last commit of the former owner, or ` +
      "the next candle if that came later, to the first commit of the next owner",
  );
}

async function handOvers(market: Market, rounds: number) {
  await using group = await NodeGroup.start(LEASE_MS);
  await group.join("a");
  await group.join("b");
  await group.settled();
  await using flow = new CandleFlow(group, market, FLOW_EVERY_MS);
  await pause(systemClock, 1_000);
  const gaps = { leaves: [] as number[][], joins: [] as number[][], ordinary: [] as number[] };
  const measured = async (into: number[][], move: () => Promise<unknown>) => {
    const from = group.trail.commits.length;
    await move();
    await group.settled();
    const found = gapsOf(group.trail.commits, from, flow);
    if (found.gaps.length < MOVED_MIN) {
      throw new Error(`expected ${MOVED_MIN} partitions to move: ${found.gaps.length} did`);
    }
    into.push(found.gaps);
    gaps.ordinary.push(...found.ordinary);
  };
  for (let round = 0; round < rounds; round++) {
    await measured(gaps.joins, () => group.join("c"));
    await measured(gaps.leaves, () => group.end("c", "SIGTERM"));
  }
  return gaps;
}

/** How long partitions stood still whose owner changed, and how long the commits of others took. */
function gapsOf(commits: readonly PartitionCommit[], from: number, flow: CandleFlow) {
  const last = new Map<number, PartitionCommit>();
  const gaps: number[] = [], ordinary: number[] = [];
  for (let i = Math.max(0, from - 4_096); i < commits.length; i++) {
    const commit = commits[i] as PartitionCommit;
    const before = last.get(commit.partition);
    last.set(commit.partition, commit);
    if (i < from || before === undefined) continue;
    if (before.session === commit.session) {
      ordinary.push(commit.atMs - commit.appendedMs);
      continue;
    }
    gaps.push(commit.atMs - Math.max(before.atMs, flow.after(commit.partition, before.appendedMs)));
  }
  return { gaps, ordinary };
}
