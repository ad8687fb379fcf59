/**
 * Whether a built file does what the source does: it is run. A build counts only when it passes.
 *
 * @module
 */

import config from "../../deno.json" with { type: "json" };
import { ROOT } from "../support/root.ts";
import { ran, type Run, type RunOptions } from "./run.ts";
import { BuiltService } from "./service.ts";

/** What one check found. */
export interface Proof {
  readonly name: string;
  /** Why it failed, or null. */
  readonly failure: string | null;
  /** A figure or two. */
  readonly detail: string;
}

/** Longest that one run may take, ms: a program that waits for input would wait for ever. */
const RUN_MAX_MS = 60_000;
/** Candles of the sample. */
const SAMPLE_ROWS = 5_000;
/** Starts of which the fastest counts, unless given. */
const STARTS = 5;

/**
 * Runs the file in a folder of its own, with an empty cache folder, and yields what each check found.
 *
 * @param file Path of the built file.
 * @param starts Starts of which the fastest counts.
 */
export async function* proofs(file: string, starts = STARTS): AsyncGenerator<Proof> {
  const folder = await Deno.makeTempDir({ prefix: "wick-proof-" });
  const env = { WICK_CACHE_DIR: `${folder}/cache`, NO_COLOR: "1" };
  const run = (args: readonly string[], more: RunOptions = {}) =>
    ran(file, args, { cwd: folder, env, limitMs: RUN_MAX_MS, ...more });
  const source = (args: readonly string[]) =>
    ran(Deno.execPath(), [
      "run",
      "-q",
      "-P=wick",
      "--config",
      `${ROOT}deno.json`,
      `${ROOT}mod.ts`,
      ...args,
    ], {
      cwd: folder,
      limitMs: RUN_MAX_MS,
    });
  try {
    yield await proof("version", async () => {
      const first = await run(["--version"]);
      equal("what it says", first.text, `wick ${config.version}`);
      let laterMs = Infinity, sourceMs = Infinity;
      for (let start = 0; start < starts; start++) {
        laterMs = Math.min(laterMs, (await run(["--version"])).ms);
        sourceMs = Math.min(sourceMs, (await source(["--version"])).ms);
      }
      return `first start ${ms(first.ms)}, later ${ms(laterMs)} (source ${ms(sourceMs)})`;
    });
    yield await proof("exit code", async () => {
      const wrong = await run(["label", "--no-such-option"]);
      equal("of a wrong option", wrong.code, 2);
      return "2 after a wrong option";
    });
    yield await proof("label", async () => {
      await Deno.writeTextFile(`${folder}/in.csv`, sample());
      const words = ["label", "in.csv", "--horizon", "12"];
      const [built, wanted] = [await run(words), await source(words)];
      same("labels", built, wanted);
      return `${built.out.length} bytes as from the source`;
    });
    yield await proof("permissions", async () => {
      const { out } = await run(["doctor", "--json", "--data", `${folder}/data`, "--port", "0"]);
      const { checks } = JSON.parse(new TextDecoder().decode(out));
      const found = checks.find(({ name }: { name: string }) => name === "permissions");
      equal("state", found?.state, "ok");
      return found.detail;
    });
    yield* serviceProofs(file, folder, env, { run, source });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

interface Runs {
  readonly run: (args: readonly string[]) => Promise<Run>;
  readonly source: (args: readonly string[]) => Promise<Run>;
}

async function* serviceProofs(
  file: string,
  folder: string,
  env: Readonly<Record<string, string>>,
  { run, source }: Runs,
): AsyncGenerator<Proof> {
  const options = { file, folder, env };
  await using service = new BuiltService(options);
  const ready = await proof("serve", async () => {
    const readyMs = await service.ready();
    return `/readyz answers ${ms(readyMs)} after the start`;
  });
  yield ready;
  if (ready.failure !== null) return;
  yield await proof("candle in, label out", async () => {
    await service.push("EUR_USD:M1", 0, 60);
    const { rows } = await service.json<{ rows: unknown[] }>("/api/labels?series=EUR_USD:M1");
    if (rows.length === 0) throw new Error("no label came");
    return `60 candles, ${rows.length} labels`;
  });
  yield await proof("pages and metrics", async () => {
    for (
      const [path, text] of [["/", "<html"], ["/docs", "<html"], ["/metrics", "wick_"]] as const
    ) {
      if (!(await service.text(path)).includes(text)) throw new Error(`${path} lacks ${text}`);
    }
    return "/, /docs, /metrics";
  });
  for (const format of ["parquet", "arrow"]) {
    yield await proof(`export ${format}`, async () => {
      const words = ["export", "--series", "EUR_USD:M1", "--url", service.url];
      const names = [`built.${format}`, `source.${format}`] as const;
      for (const [at, go] of [run, source].entries()) {
        const made = await go([...words, "--out", names[at] ?? ""]);
        if (made.code !== 0) throw new Error(made.text);
      }
      const [built, wanted] = await Promise.all(
        names.map((name) => Deno.readFile(`${folder}/${name}`)),
      );
      equal("file", String(built), String(wanted));
      return `${built?.length} bytes as from the source`;
    });
  }
  yield await proof("SIGTERM drains", async () => {
    const pushing = service.pushUntilRefused("GBP_USD:M1");
    await service.moment();
    const { code, stopMs } = await service.stop();
    const accepted = await pushing;
    equal("exit code", code, 0);
    await using again = new BuiltService(options);
    await again.ready();
    const kept = await again.candles("GBP_USD:M1");
    if (kept < accepted || accepted === 0) throw new Error(`${accepted} accepted, ${kept} kept`);
    equal("exit code of the second run", (await again.stop()).code, 0);
    return `in ${ms(stopMs)} with candles under way: ${accepted} acknowledged, ${kept} kept`;
  });
}

async function proof(name: string, check: () => Promise<string>): Promise<Proof> {
  try {
    return { name, failure: null, detail: await check() };
  } catch (error) {
    const failure = error instanceof Error ? error.message : String(error);
    return { name, failure: failure.slice(0, 1_000), detail: "" };
  }
}

function same(what: string, built: Run, source: Run): void {
  if (source.code !== 0) throw new Error(`the source failed: ${source.text}`);
  if (built.code !== 0) throw new Error(built.text);
  equal(what, new TextDecoder().decode(built.out), new TextDecoder().decode(source.out));
}

function equal(what: string, found: unknown, wanted: unknown): void {
  if (found === wanted) return;
  const short = (value: unknown) => String(value).slice(0, 300);
  throw new Error(`${what}: expected ${short(wanted)}: current value is ${short(found)}`);
}

/** A walk that is the same every time. */
function sample(): string {
  let close = 100;
  const rows = Array.from({ length: SAMPLE_ROWS }, (_, i) => {
    close += Math.sin(i * i);
    return `${60_000 * i},${close},${close + 2},${close - 2},${close},1\n`;
  });
  return `ts,open,high,low,close,volume\n${rows.join("")}`;
}

function ms(value: number): string {
  return `${Math.round(value)} ms`;
}
