/**
 * The command `deno task chaos:nodes`: nodes on a Redis of their own that are killed, stopped for
 * longer than their lease, joined and left at random, and whose Redis is killed, while candles come in
 * by all of them. What they hold in the end must be what a single process makes of the same candles.
 *
 * ## Two fences, and what is looked at
 * A commit of an owner that was replaced meets two fences. The log appends no entry with an old token;
 * and what were in the log nevertheless would be refused by every copy, since a commit says on which
 * cursor and which count of candles it follows. So that each is seen to do its part:
 *
 * - **The log** is read by the harness as it is written, before any copy has judged it. Each commit
 *   must be by the node that owned its partition then, as the group's moves say, and no row may be
 *   missing or out of order. This is what `--without-fence` takes away: then commits of replaced owners
 *   are in the log, the rows that its commits hold are lost, doubled or out of order, and the test must
 *   find both.
 * - **The copies** of all nodes, and what a subscriber was sent that goes from node to node, must hold
 *   every row once and in order in both cases: the second fence does not need the first.
 *
 * With fences the log may hold rows twice yet, by their owner: a node has several commits under way, and
 * where one is refused those that follow on it are in the log for nothing. They are counted only.
 *
 * Every other life of a node is `wick serve --redis`; the others are the same tree begun by the
 * harness, which makes snapshots of the log a hundred times as often.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { percentileOf } from "../bench/support/figures.ts";
import { type NodesCampaignResult, runNodesCampaign } from "./chaos_nodes/campaign.ts";
import type { OwnerFindings } from "./chaos_nodes/owners.ts";
import { differenceText, isRight } from "./chaos_nodes/rows.ts";
import { wholeNumber } from "./support/whole_number.ts";

const HELP = `Kills, stops, joins and leaves nodes, and kills their Redis, while candles come in.
Candles, labels, revisions and the label log of every node must equal those of a single process.

Options:
  --labels N       labels to be made at least (default 1000000)
  --events N       how much happens (default 100)
  --seed S         decides candles and events (default WICK_SEED, or one that is printed)
  --lease N        lease of a node, ms (default 1000)
  --without-fence  the log checks no tokens; exits with 0 only if that is found
  --cluster        Redis Cluster of six servers
  --help

Examples:
  deno task chaos:nodes --labels 100000 --events 20 --seed 7
  deno task chaos:nodes --labels 20000 --events 10 --without-fence
`;

/** Share of the events that each kind must have. */
const SHARE_MUST = 0.15;
/** Share of the commits that must have been seen with their owners. */
const JUDGED_MUST = 0.95;

async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      labels: { type: "string", default: "1000000" },
      events: { type: "string", default: "100" },
      seed: { type: "string", default: Deno.env.get("WICK_SEED") ?? String(randomSeed()) },
      lease: { type: "string", default: "1000" },
      "without-fence": { type: "boolean", default: false },
      cluster: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const labels = wholeNumber("labels", values.labels, 1_000, 10_000_000);
  const events = wholeNumber("events", values.events, 1, 10_000);
  const seed = wholeNumber("seed", values.seed, 0, 0xffff_ffff);
  const leaseMs = wholeNumber("lease", values.lease, 500, 60_000);
  const isUnfenced = values["without-fence"];
  const where = values.cluster ? "a Redis Cluster" : "one Redis";
  const startMs = performance.now();
  console.log(
    `${labels} labels, ${events} events from seed ${seed} on ${where}, lease ${leaseMs} ms` +
      (isUnfenced ? ", without fence" : ""),
  );
  const result = await runNodesCampaign({
    ...{ labels, events, seed, leaseMs, isCluster: values.cluster },
    fence: isUnfenced ? "off" : "checked",
    onLine: (line) => console.log(line),
  });
  report(result, leaseMs);
  console.log(`  ${((performance.now() - startMs) / 1_000).toFixed(1)} s`);
  return isUnfenced ? unfencedVerdict(result, seed) : verdict(result, events, seed);
}

function report(result: NodesCampaignResult, leaseMs: number): void {
  histogram(result.events);
  console.log("  what went on when it happened:");
  histogram(result.phases);
  console.log(
    `  ${result.candles} candles, ${result.labels} labels in ${result.logRows} rows of the log, ` +
      `${result.commits} commits, ${result.lives} lives of nodes, ${result.startedAgain} that gave ` +
      "up to start while Redis was away",
  );
  console.log(
    `  ${result.requests} requests acknowledged; sent again: ${result.unanswered} since nobody ` +
      `answered, ${result.refused} after a refusal`,
  );
  console.log(
    `  ${result.copies} copies compared row by row; a subscriber was sent all of it by ` +
      `${result.subscriberChanges} nodes in turn`,
  );
  console.log(
    `  ${result.halves} labels became final in one step instead of two: a candle came twice`,
  );
  const moves = Object.entries(result.moves).map(([why, count]) => `${count} ${why}`).join(", ");
  console.log(`  partitions moved: ${moves}`);
  const beyond = (ms: readonly number[]) => timesText(ms.map((each) => each - leaseMs));
  const untaken = `${result.untaken} not taken over before they were back`;
  console.log(
    `  take-over beyond the lease, until others own: ${beyond(result.taken)}; ${untaken}`,
  );
  console.log(`  the same until what waited there is committed: ${beyond(result.takeOvers)}`);
  console.log(
    `  hand-over, until what waited is committed by the next: ${timesText(result.handOvers)}`,
  );
}

function histogram(counts: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(counts)) {
    console.log(`  ${name.padEnd(14)} ${String(count).padStart(4)} ${"#".repeat(count)}`);
  }
}

function timesText(ms: readonly number[]): string {
  if (ms.length === 0) return "none seen";
  const at = (share: number) => percentileOf(ms, share).toFixed(0);
  return `p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, max ${at(1)} ms of ${ms.length}`;
}

function verdict(result: NodesCampaignResult, events: number, seed: number): number {
  const wrong = [...result.violations];
  const { inLog, owners } = result;
  if (inLog === null) console.log("  the log was given up before it was read: not compared");
  else if (inLog.lost + inLog.outOfOrder > 0) wrong.push(differenceText("the log itself", inLog));
  else console.log(`  ${inLog.doubled} rows in the log by commits that follow on a refused one`);
  console.log(ownersText(owners));
  if (owners.stale > 0) wrong.push(staleText(owners));
  if (owners.judged < JUDGED_MUST * (owners.judged + owners.unjudged)) {
    wrong.push("too few commits were seen with their owners");
  }
  for (const [event, count] of Object.entries(result.events)) {
    if (count < Math.floor(events * SHARE_MUST)) wrong.push(`too few: ${count} of ${event}`);
  }
  for (const line of wrong) console.log(line);
  console.log(wrong.length === 0 ? "nothing lost, doubled or out of order" : `WRONG, seed ${seed}`);
  return wrong.length === 0 ? 0 : 1;
}

function unfencedVerdict(result: NodesCampaignResult, seed: number): number {
  for (const line of result.violations) console.log(line);
  const { inLog, owners } = result;
  if (inLog !== null) console.log(differenceText("the log itself", inLog));
  console.log(ownersText(owners));
  console.log(staleText(owners));
  const isFound = inLog !== null && !isRight(inLog) && owners.stale > 0;
  console.log(
    isFound
      ? "without fences rows are lost, doubled or out of order: the test bites"
      : `NOT FOUND: nothing differs without fences, seed ${seed}`,
  );
  return isFound ? 0 : 1;
}

function ownersText({ judged, unjudged }: OwnerFindings): string {
  return `  ${judged} writes to partitions held against who owned them then, ${unjudged} not seen`;
}

function staleText({ stale, examples }: OwnerFindings): string {
  return `${stale} writes in the log by nodes that did not own the partition` +
    examples.map((line) => `\n  ${line}`).join("");
}

function randomSeed(): number {
  return Math.floor(Math.random() * 2 ** 31);
}

if (import.meta.main) Deno.exit(await main(Deno.args));
