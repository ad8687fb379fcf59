/**
 * Candles a second from the streams of the partitions through fenced commits to labels that are in the
 * log and in the copy, everything on this machine, Redis too.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import config from "../../deno.json" with { type: "json" };
import { pause, systemClock, systemRandom } from "../../src/actor/clock.ts";
import { Labeler } from "../../src/label/labeler.ts";
import { DEFAULT_PARAMS } from "../../src/label/params.ts";
import { LabelBuilder } from "../../src/label/rows.ts";
import { partitionOf, PARTITIONS } from "../../src/market/partition.ts";
import { RedisStreams } from "../../src/store/partitions/redis_streams.ts";
import { RedisServer } from "../../tests/support/redis.ts";
import { Checksums, labelsOf } from "../labels/checksum.ts";
import { type Market, SERIES_COUNT, seriesKey } from "../labels/market.ts";
import { verify } from "../support/workload.ts";
import { lookingLog, readWholeLog } from "./log_reader.ts";
import type { NodePassReport } from "./pass.ts";

const PREFIX = "bench";
/** Bars of a series in one entry: with its partition's other series some hundred candles. */
const BARS_PER_ENTRY = 100;
const LOOK_MS = 25;
/** Flags of the engine as the task has them that users start the service with. */
const V8_FLAGS = config.tasks.serve.command.split(" ")
  .find((word) => word.startsWith("--v8-flags=")) ?? "-q";

/** Which copy a node has. */
export type CopyKind = "memory" | "sqlite";

/** How a pass is set up. */
export interface NodePass {
  readonly copy: CopyKind;
  readonly nodes: number;
  /** Redis writes to an append-only file, synced every second. */
  readonly isPersistent: boolean;
}

/** What a pass came to. */
export interface NodePassResult {
  readonly candlesPerSecond: number;
  readonly commits: number;
  /** Bytes of the log a candle. */
  readonly bytesPerCandle: number;
  /** Of all nodes. */
  readonly rssMb: number;
  /** Processor time of all nodes and of Redis for a million candles, s. */
  readonly nodeSeconds: number;
  readonly redisSeconds: number;
}

/** All candles of a pass, and what comes of them. */
export class NodeCandles {
  readonly #market: Market;
  readonly bars: number;
  readonly #labels: Checksums;
  readonly #stored: Checksums;

  constructor(market: Market, bars: number) {
    this.#market = market;
    this.bars = bars;
    const block = (series: number) => market.block(series, 0, bars);
    this.#labels = labelsOf(DEFAULT_PARAMS, block);
    this.#stored = finalLabels(market, bars);
  }

  get candles(): number {
    return this.bars * SERIES_COUNT;
  }

  get labels(): number {
    return this.#labels.rows;
  }

  /**
   * Fills the streams of a new Redis, starts nodes, and waits until everything is committed.
   *
   * @throws {Error} when a label of the log or of a copy is missing or differs from the pure labeler's.
   */
  async pass({ copy, nodes, isPersistent }: NodePass): Promise<NodePassResult> {
    const persistent = [["appendonly", "yes"], ["appendfsync", "everysec"]] as const;
    await using redis = await RedisServer.start({ config: isPersistent ? persistent : [] });
    await using streams = new RedisStreams({
      ...{ redis: redis.url, prefix: PREFIX, session: "loader", waitingBytes: 2 ** 40 },
      ...{ clock: systemClock, random: systemRandom },
    });
    await this.#fill(streams);
    const filled = await redisSeconds(redis);
    const folder = await Deno.makeTempDir({ prefix: "wick-bench-" });
    try {
      const running = Array.from(
        { length: nodes },
        (_, i) => new PassProcess(redis.url, `node-${i}`, copy, folder),
      );
      const reports = await this.#drained(streams, running);
      const worked = await redisSeconds(redis) - filled;
      await using log = lookingLog(redis.url, PREFIX);
      const whole = await readWholeLog(log);
      const view = await log.view();
      whole.labels.verify(this.#labels);
      verify("candles in the log", whole.candles, this.candles);
      for (const report of reports) this.#verifyCopy(report);
      const fromMs = Math.min(...view.moves.map(({ atMs }) => atMs));
      return {
        candlesPerSecond: this.candles / (whole.lastMs - fromMs) * 1_000,
        commits: whole.commits,
        bytesPerCandle: whole.bytes / this.candles,
        rssMb: reports.reduce((sum, { rssMb }) => sum + rssMb, 0),
        nodeSeconds: reports.reduce((sum, each) => sum + each.cpuSeconds, 0) / this.candles * 1e6,
        redisSeconds: worked / this.candles * 1e6,
      };
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }

  async #fill(streams: RedisStreams): Promise<void> {
    const series = Array.from({ length: SERIES_COUNT }, (_, i) => i);
    const groups = Map.groupBy(series, (i) => partitionOf(seriesKey(i)));
    for (let from = 0; from < this.bars; from += BARS_PER_ENTRY) {
      const to = Math.min(this.bars, from + BARS_PER_ENTRY);
      for (const group of groups.values()) {
        const result = await streams.append(group.map((i) => this.#market.block(i, from, to)));
        if (result.state !== "appended") throw new Error("the streams are full");
      }
    }
  }

  /** Once nothing waits any more; what the nodes say then. */
  async #drained(
    streams: RedisStreams,
    running: readonly PassProcess[],
  ): Promise<NodePassReport[]> {
    const all = Array.from({ length: PARTITIONS }, (_, partition) => partition);
    await Promise.all(running.map(({ ready }) => ready));
    for (;;) {
      await pause(systemClock, LOOK_MS);
      const backlog = await streams.backlog(all);
      if (backlog.every(({ entries }) => entries === 0)) break;
    }
    // Another node's copy may have some to apply.
    await pause(systemClock, running.length > 1 ? 2_000 : 200);
    return await Promise.all(running.map((each) => each.stop()));
  }

  #verifyCopy({ candles, stored }: NodePassReport): void {
    verify("candles in the copy", candles, this.candles);
    const found = new Checksums();
    found.counts.set(stored.counts);
    found.sums.set(stored.sums);
    found.verify(this.#stored);
  }
}

/** Processor time that a server has used, s. */
async function redisSeconds(redis: RedisServer): Promise<number> {
  const lines = await redis.lines("INFO", "cpu");
  const used = lines.filter((line) => /^used_cpu_(user|sys):/.test(line));
  return used.reduce((sum, line) => sum + Number(line.split(":")[1]), 0);
}

/** The last row of every label. */
function finalLabels(market: Market, bars: number): Checksums {
  const checksums = new Checksums();
  const out = new LabelBuilder(bars);
  const labeler = new Labeler(DEFAULT_PARAMS, { emit: "final" });
  for (let series = 0; series < SERIES_COUNT; series++) {
    out.clear();
    labeler.reset();
    labeler.push(market.block(series, 0, bars), 0, bars, out);
    const rowAt = new Map<number, number>();
    for (let row = 0; row < out.length; row++) rowAt.set(out.columns.ts[row] as number, row);
    for (const row of rowAt.values()) checksums.add(series, out.columns, row, row + 1);
  }
  return checksums;
}

/** A node in a process of its own; see `pass.ts`. */
class PassProcess {
  readonly ready: Promise<void>;
  readonly #child: Deno.ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(redis: string, name: string, copy: CopyKind, folder: string) {
    const data = `${folder}/${name}`;
    Deno.mkdirSync(data);
    const script = fileURLToPath(new URL("pass.ts", import.meta.url));
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", V8_FLAGS, script, redis, PREFIX, name, copy, data],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#lines = linesOf(this.#child.stdout);
    this.ready = this.#next().then(() => {});
  }

  async #next(): Promise<string> {
    const { done, value } = await this.#lines.next();
    if (done === true) throw new Error("Cannot measure a node: its process ended, see above");
    return value;
  }

  /** Ends it; what its copy holds. */
  async stop(): Promise<NodePassReport> {
    await this.#child.stdin.close();
    const report = JSON.parse(await this.#next()) as NodePassReport;
    await this.#child.status;
    return report;
  }
}

async function* linesOf(bytes: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of bytes.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}
