/**
 * Must show 2: bytes an entry at a million, each side in fresh processes.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { digits, type Figures, spreadOf } from "../support/figures.ts";
import type { MemoryReport } from "./memory.ts";

const PROGRAM = fileURLToPath(new URL("memory.ts", import.meta.url));
const ENTRIES = 1_000_000;

/** Without keys and values, which are made before. */
export async function memoryFigures(
  figures: Figures,
  { quick }: { readonly quick: boolean },
): Promise<void> {
  const rounds = quick ? 1 : 3;
  const ours: MemoryReport[] = [], rival: MemoryReport[] = [];
  for (let round = 0; round < rounds; round++) {
    ours.push(await measureApart("ours"));
    rival.push(await measureApart("lru-cache"));
  }
  const spread = (reports: MemoryReport[], of: (report: MemoryReport) => number) =>
    spreadOf(reports.map(of));
  figures.add(
    "an entry at a million, without key and value",
    spread(ours, (report) => report.filled),
    { unit: " B", must: 80, better: "lower" },
  );
  for (const [name, reports] of Object.entries({ ours, "lru-cache": rival })) {
    const middle = (of: (report: MemoryReport) => number) => digits(spread(reports, of).median);
    figures.note(
      `${name}: ${middle((report) => report.filled)} B, after a million more ` +
        `${middle((report) => report.churned)} B, resident ` +
        `${middle((report) => report.resident)} B; without entries ` +
        `${middle((report) => report.emptyBytes / 1_024)} KiB`,
    );
  }
}

async function measureApart(side: string): Promise<MemoryReport> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--v8-flags=--expose-gc", PROGRAM, side, String(ENTRIES)],
  }).output();
  if (code !== 0) {
    throw new Error(`Cannot measure ${side}: ${new TextDecoder().decode(stderr)}`);
  }
  return JSON.parse(new TextDecoder().decode(stdout)) as MemoryReport;
}
