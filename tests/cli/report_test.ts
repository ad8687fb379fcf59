/** `wick report`, and the files that it reads. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { VirtualClock } from "../../src/actor/clock.ts";
import { RunRecorder } from "../../src/batch/report.ts";
import type { RunReport } from "../../src/batch/report_schema.ts";
import {
  METRICS_FILES_MAX,
  metricsFolder,
  metricsWriter,
  readMetrics,
  writeMetrics,
} from "../../src/cli/metrics_files.ts";
import { CONFIG_DEFAULTS } from "../../src/cli/settings.ts";
import { inFolder, linesOf, listed, readText, run } from "./support.ts";

/** A run of so many minutes and calls on that night. */
function reportOf(night: number, minutes: number, calls: number, job = "night"): RunReport {
  const clock = new VirtualClock(0, Date.UTC(2024, 0, 1 + night, 3));
  const recorder = new RunRecorder({ clock, runId: `${job}-${night}`, job });
  const phase = recorder.phase("prices");
  for (let i = 0; i < calls; i++) recorder.call({ endpoint: "eod", ok: true, tookMs: 100 });
  clock.advance(minutes * 60_000);
  phase.items({ ok: calls });
  phase.end();
  return recorder.report("done");
}

/** Reads real files; nothing else of this process. */
async function report(folder: string, ...words: string[]) {
  const readText = (path: string, bytesMax: number) =>
    path === "wick.json"
      ? Promise.reject(new Deno.errors.NotFound(path))
      : Deno.stat(path).then(({ size }) => {
        assert(size <= bytesMax);
        return Deno.readTextFile(path);
      });
  return await run(["report", "--data", folder, ...words], {}, { readText });
}

Deno.test("report compares the runs of a folder job by job, with the trend", () =>
  inFolder(async (folder) => {
    for (const night of [0, 1, 2, 3]) await writeMetrics(folder, reportOf(night, 10 + night, 100));
    await writeMetrics(folder, reportOf(9, 5, 20, "weekly"));
    const { code, out, err } = await report(folder);
    assertEquals([code, err], [0, ""]);
    const lines = linesOf(out);
    assertEquals(lines[0], "Job night");
    assertMatch(lines[1] ?? "", /^ {2}started \(UTC\) +run +state +time +calls +saved +ok$/);
    assertMatch(lines[2] ?? "", /^ {2}2024-01-01 03:00 {2}night-0 +done +10 min 00 s +100 /);
    // One minute more each night, of a median of 11.5.
    assertMatch(lines[6] ?? "", /^ {2}trend per run +\+8\.70 % +\+0\.00 % /);
    assert(lines.includes("Job weekly"));
  }));

Deno.test("report --json, --job and --last", () =>
  inFolder(async (folder) => {
    for (const night of [0, 1, 2, 3]) await writeMetrics(folder, reportOf(night, 10, 100 + night));
    await writeMetrics(folder, reportOf(9, 5, 20, "weekly"));
    const { out } = await report(folder, "--job", "night", "--last", "3", "--json");
    const { jobs } = JSON.parse(out);
    assertEquals(jobs.length, 1);
    assertEquals([jobs[0].job, jobs[0].runs.map(({ calls }: { calls: number }) => calls)], [
      "night",
      [101, 102, 103],
    ]);
    assertEquals(jobs[0].trends.calls.perRun, 1);
    const none = await report(folder, "--job", "noon");
    assertEquals(none.code, 1);
    assertMatch(none.err, /^wick report: no report of job noon: there is no metrics_\*\.json in /);
    for (const last of ["0", "91", "1.5"]) {
      assertEquals((await report(folder, "--last", last)).code, 2);
    }
  }));

Deno.test("report shows one file whole, and compares several", () =>
  inFolder(async (folder) => {
    const paths: string[] = [];
    for (const night of [0, 1]) paths.push(await writeMetrics(folder, reportOf(night, 10, 100)));
    const one = await report(folder, paths[0] as string);
    assertMatch(one.out, /^Run night-0 of night: done in 10 min 00 s\n100 items processed/);
    const json = await report(folder, paths[0] as string, "--json");
    assertEquals(JSON.parse(json.out).run_summary.total_duration_minutes, 10);
    const both = await report(folder, ...paths);
    assertMatch(both.out, /^Job night\n/);
    const mixed = await report(folder, ...paths, "--url", "http://127.0.0.1:1");
    assertEquals(mixed.code, 2);
  }));

Deno.test("report says of a file that it is no report: a named one ends it, others are left out", () =>
  inFolder(async (folder) => {
    await writeMetrics(folder, reportOf(0, 10, 100));
    const other = `${folder}/metrics_other.json`;
    await Deno.writeTextFile(other, '{"schema":"wick.run/0"}');
    const all = await report(folder);
    assertEquals(all.code, 0);
    assertMatch(all.err, /metrics_other\.json: expected the report of a run: /);
    const named = await report(folder, other);
    assertEquals(named.code, 2);
    await Deno.writeTextFile(other, "{");
    assertMatch((await report(folder, other)).err, /expected a report as JSON/);
    assertMatch((await report(folder, `${folder}/no.json`)).err, /there is no such file/);
    await assertRejects(
      () => readMetrics(other, { readText: (path) => Deno.readTextFile(path) }),
      RangeError,
    );
  }));

Deno.test("report without any run exits with 1", () =>
  inFolder(async (folder) => {
    const { code, err } = await report(`${folder}/nothing`);
    assertEquals(code, 1);
    assertMatch(err, /no report: there is no metrics_\*\.json in /);
    assertEquals((await report(folder, "--url", "http://127.0.0.1:1")).code, 69);
  }));

Deno.test("writeMetrics() writes a run and the latest, and leaves nothing beside them", () =>
  inFolder(async (folder) => {
    const inside = `${folder}/a/b`;
    await writeMetrics(inside, reportOf(0, 10, 1));
    const second = await writeMetrics(inside, reportOf(1, 10, 2));
    assertEquals(second, `${inside}/metrics_night-1.json`);
    assertEquals(listed(inside), [
      "metrics_LATEST.json",
      "metrics_night-0.json",
      "metrics_night-1.json",
    ]);
    assertEquals(readText(inside, "metrics_LATEST.json"), readText(second));
    assertEquals(JSON.parse(readText(second)), reportOf(1, 10, 2));
    await assertRejects(() => writeMetrics(inside, reportOf(0, 1, 1, "../out")), RangeError);
    assertEquals(listed(folder), ["a"]);
  }));

Deno.test("writeMetrics() gives up the oldest files beyond the bound", () =>
  inFolder(async (folder) => {
    const old = new Date(Date.UTC(2020, 0, 1));
    for (let i = 0; i < METRICS_FILES_MAX; i++) {
      const path = `${folder}/metrics_old-${i}.json`;
      Deno.writeTextFileSync(path, "{}");
      Deno.utimeSync(path, old, new Date(old.getTime() + i * 1_000));
    }
    await writeMetrics(folder, reportOf(0, 1, 1));
    const names = listed(folder);
    assertEquals(names.length, METRICS_FILES_MAX + 1);
    assert(!names.includes("metrics_old-0.json") && names.includes("metrics_old-1.json"));
  }));

Deno.test("reports go beside the data, or where metricsDir says; of data in memory nowhere", async () => {
  const of = (more: Partial<typeof CONFIG_DEFAULTS>) => ({ ...CONFIG_DEFAULTS, ...more });
  assertEquals(metricsFolder(of({})), "data");
  assertEquals(metricsFolder(of({ data: ":memory:" })), null);
  assertEquals(metricsFolder(of({ data: ":memory:", metricsDir: "m" })), "m");
  assertEquals(metricsWriter(of({ data: ":memory:" }), () => {}), undefined);
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "");
    const lines: string[] = [];
    const write = metricsWriter(of({ metricsDir: `${folder}/file/m` }), (level, _path, message) => {
      lines.push(`${level} ${message}`);
    });
    await write?.(reportOf(0, 1, 1));
    assertEquals(lines, ["warn a report could not be written"]);
  });
});
