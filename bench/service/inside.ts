/**
 * A look from inside: loaded before the program (`--preload`), it answers lines of standard input
 * with one line of JSON each on standard output. `watch` begins to watch the event loop and the
 * memory, `report` ends that and says what was found. The program itself runs as it always does.
 *
 * @module
 */

import process from "node:process";
import { rssMb, RssPeak } from "../labels/rss.ts";
import { LagProbe, type LagReport } from "./lag_probe.ts";

/** What was found between `watch` and `report`. */
export interface InsideReport {
  readonly lag: LagReport;
  /** Highest resident memory, MB. */
  readonly rssPeakMb: number;
  /** Resident memory at the end, MB. */
  readonly rssMb: number;
  /** Time on all cores, of all threads, s. */
  readonly cpuSeconds: number;
}

/** Far less than the program takes to be ready. */
const BEGIN_AFTER_MS = 20;

let probe = new LagProbe();
let peak = new RssPeak();
let cpu = process.cpuUsage();
end();

function end(): InsideReport {
  const { user, system } = process.cpuUsage(cpu);
  const cpuSeconds = (user + system) / 1e6;
  return { lag: probe.stop(), rssPeakMb: peak.stop(), rssMb: rssMb(), cpuSeconds };
}

function answer(word: string): InsideReport | { readonly watching: true } {
  if (word === "report") return end();
  probe = new LagProbe();
  peak = new RssPeak();
  cpu = process.cpuUsage();
  return { watching: true };
}

async function listen(): Promise<void> {
  const encoder = new TextEncoder();
  const texts = Deno.stdin.readable.pipeThrough(new TextDecoderStream());
  let rest = "";
  for await (const text of texts) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      await Deno.stdout.write(encoder.encode(`${JSON.stringify(answer(line))}\n`));
    }
  }
}

// What is loaded before the program has to come to rest before the program begins, and a read of
// standard input never does; a timer that holds nothing up begins it once the program runs.
Deno.unrefTimer(setTimeout(() => void listen(), BEGIN_AFTER_MS));
