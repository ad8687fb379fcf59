/** `wick backfill`: its options, how it ends, and real jobs in a process and in a service. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { startWick } from "../../actors/tree.ts";
import { systemClock, VirtualClock } from "../../src/actor/clock.ts";
import type { JobSpec } from "../../src/batch/job_spec.ts";
import type { JobMode, JobReply, JobStatus } from "../../src/batch/job_status.ts";
import { RunRecorder } from "../../src/batch/report.ts";
import type { RunReport } from "../../src/batch/report_schema.ts";
import { jobOfOptions } from "../../src/cli/backfill_job.ts";
import { OptionValues } from "../../src/cli/command.ts";
import { configSchema } from "../../src/cli/config_schema.ts";
import { UsageError } from "../../src/cli/exit_code.ts";
import type { CliIo } from "../../src/cli/io.ts";
import { type JobsHandle, type OpenJobs, ServeError } from "../../src/cli/parts.ts";
import { providersOf, scheduledJobs } from "../../src/cli/serve_jobs.ts";
import { CONFIG_DEFAULTS } from "../../src/cli/settings.ts";
import { runReport } from "../../src/http/job_schemas.ts";
import { simulatedProvider } from "../../src/provider/simulated.ts";
import { served as servedProcess } from "./serving.ts";
import { fakeIo, inFolder, listed, type Ran, readText, run, start, wick } from "./support.ts";

// ---- what is to run ---------------------------------------------------------------------------------

const FILES: Record<string, string> = {
  "lists/NYSE all.csv": "symbol,name\nAAA,a\nBBB,b\n",
  "job.json": JSON.stringify({
    name: "night",
    symbolsFile: "lists/NYSE all.csv",
    kinds: ["dividends"],
    provider: "eodhd",
    rate: "500/min",
    from: "2024-01-01",
  }),
  "wrong.json": JSON.stringify({ name: "night", colour: 1 }),
  "none.txt": "# nothing\n",
};

const FILE_IO = fakeIo({
  readText: (path) =>
    FILES[path] === undefined
      ? Promise.reject(new Deno.errors.NotFound(path))
      : Promise.resolve(FILES[path] ?? ""),
});

function optionsOf(values: Readonly<Record<string, string | number | true>>): OptionValues {
  return new OptionValues(new Map(Object.entries(values)));
}

Deno.test("jobOfOptions() takes a file of symbols, and names the job after it", async () => {
  const values = optionsOf({
    symbols: "lists/NYSE all.csv",
    kinds: "companies,prices",
    provider: "simulated",
    chunk: "auto",
    to: "2024-02-01",
  });
  assertEquals(await jobOfOptions(values, CONFIG_DEFAULTS, FILE_IO), {
    name: "NYSE-all",
    symbols: ["AAA", "BBB"],
    kinds: ["prices", "profiles"],
    provider: "simulated",
    chunk: "auto",
    to: Date.UTC(2024, 1, 1),
  });
});

Deno.test("jobOfOptions() takes a job file, and options win over it", async () => {
  const values = optionsOf({ job: "job.json", rate: "10/s", workers: 3, name: "late" });
  assertEquals(await jobOfOptions(values, CONFIG_DEFAULTS, FILE_IO), {
    name: "late",
    symbols: ["AAA", "BBB"],
    kinds: ["dividends"],
    provider: "eodhd",
    rate: "10/s",
    workers: 3,
    from: Date.UTC(2024, 0, 1),
  });
});

Deno.test("jobOfOptions() takes a job of the configuration by its name", async () => {
  const job = { name: "weekly", symbols: ["A"], kinds: ["news"], provider: "simulated" };
  const config = configSchema.parse({ jobs: [job] });
  const spec = await jobOfOptions(optionsOf({ job: "weekly" }), config, FILE_IO);
  assertEquals(spec, { ...job, kinds: ["news"] });
});

Deno.test("jobOfOptions() refuses what cannot run, and names the option or the field", async () => {
  const symbols = "lists/NYSE all.csv";
  const cases: [Record<string, string | number | true>, RegExp][] = [
    [{ job: "nobody" }, /Cannot read job nobody: .* configured job: there is no such file/],
    [{ job: "wrong.json" }, /Cannot read job wrong\.json: .*colour/],
    [{ symbols, kinds: "prices" }, /without provider: expected --provider NAME/],
    [{ provider: "x", kinds: "prices" }, /without symbols: expected --symbols FILE/],
    [{ symbols, provider: "x" }, /Cannot run the job: kinds/],
    [{ symbols: "none.txt", provider: "x", kinds: "news" }, /symbols/],
    [{ symbols: "no.csv", provider: "x", kinds: "news" }, /Cannot read no\.csv: there is no such/],
    [{ symbols, provider: "x", kinds: "weather" }, /--kinds: .*current value is weather/],
    [{ symbols, provider: "x", kinds: "news", chunk: "all" }, /--chunk: expected auto or a number/],
    [{ symbols, provider: "x", kinds: "news", chunk: "0" }, /chunk: expected auto or 1 to 2000/],
    [{ symbols, provider: "x", kinds: "news", rate: "fast" }, /rate: expected such as 750\/min/],
    [{ symbols, provider: "x", kinds: "news", workers: 1.5 }, /workers/],
    [{ symbols, provider: "x", kinds: "news", from: "then" }, /--from: expected an ISO date/],
    [{ symbols, provider: "x", kinds: "news", name: "a/b" }, /name: expected 1 to 64 letters/],
  ];
  for (const [values, message] of cases) {
    const error = await assertRejects(
      () => jobOfOptions(optionsOf(values), CONFIG_DEFAULTS, FILE_IO),
      UsageError,
    );
    assertMatch(error.message, message);
  }
});

Deno.test("backfill needs to know a job, and is told one way to begin it", async () => {
  for (
    const [words, message] of [
      [[], /no job given: expected --job, --symbols or --name/],
      [["--name", "x", "--resume", "--restart"], /Cannot use --resume with --restart/],
      [["--name", "x", "--restart"], /Cannot restart by --name alone/],
      [["--profile", "latency", "--name", "x"], /expected throughput, conservative/],
    ] as const
  ) {
    const { code, err } = await run(["backfill", ...words]);
    assertEquals(code, 2);
    assertMatch(err, message);
  }
});

// ---- the configuration ------------------------------------------------------------------------------

Deno.test("providersOf() always has one called simulated, whose limits begin free", () => {
  const io = fakeIo();
  const names = (providers: unknown[]) =>
    providersOf(configSchema.parse({ providers }), io).map(({ name, begin }) => [name, begin]);
  assertEquals(names([]), [["simulated", "free"]]);
  const own = { kind: "simulated", name: "simulated", seed: 9 };
  assertEquals(names([own]), [["simulated", "free"]]);
  const outside = { kind: "http", name: "eodhd", mapping: "eodhd", keyEnv: "KEY" };
  assertEquals(names([outside]), [["eodhd", "full"], ["simulated", "free"]]);
});

Deno.test("scheduledJobs() reads the symbols of those with a schedule", async () => {
  const schedule = { cron: "0 3 * * *", timeZone: "America/New_York" };
  const job = { name: "night", kinds: ["prices"], provider: "simulated" };
  const config = configSchema.parse({
    jobs: [
      { ...job, symbolsFile: "lists/NYSE all.csv", schedule },
      { ...job, name: "by-hand", symbolsFile: "not read" },
    ],
  });
  assertEquals(await scheduledJobs(config, FILE_IO), [
    { ...job, kinds: ["prices"], symbols: ["AAA", "BBB"], schedule },
  ]);
});

Deno.test("jobs that cannot be are refused with the configuration", () => {
  const job = { name: "night", symbols: ["A"], kinds: ["prices"], provider: "simulated" };
  const wrong: unknown[][] = [
    [{ ...job, symbolsFile: "x" }],
    [{ name: "night", kinds: ["prices"], provider: "simulated" }],
    [{ ...job, rate: "often" }],
    [job, job],
    [{ ...job, schedule: { cron: "0 3 * * *", timezone: "UTC" } }],
  ];
  for (const jobs of wrong) {
    assert(!configSchema.safeParse({ ...CONFIG_DEFAULTS, jobs }).success, JSON.stringify(jobs));
  }
});

// ---- how it ends ------------------------------------------------------------------------------------

const STATUS: JobStatus = {
  name: "night",
  state: "running",
  runId: "night-1",
  symbols: 2,
  kinds: ["dividends"],
  provider: "eodhd",
  items: 1_000,
  settled: 430,
  failed: 0,
  startedMs: 1,
  endedMs: null,
  progress: {
    ...{ total: 1_000, done: 430, ok: 430, failed: 0, share: 0.43, perSecond: 12.5, eta: null },
    phases: [],
  },
  nextMs: null,
  missed: 0,
  lastError: null,
};

/** Jobs that go as they are told: each look takes the next state. */
class FakeJobs implements JobsHandle {
  readonly seen: string[] = [];
  failure: Error | null = null;

  constructor(
    /** Before it begins; null = unknown. */
    public known: JobStatus | null,
    readonly begun: JobReply,
    readonly looks: JobStatus[],
    readonly ok: number = 430,
  ) {}

  readonly open: OpenJobs = () => Promise.resolve(this);

  start(job: JobSpec, mode: JobMode): Promise<JobReply> {
    this.seen.push(`${mode}${job.schedule === undefined ? "" : " with its schedule"}`);
    this.known = null;
    return Promise.resolve(this.begun);
  }
  resume(): Promise<JobReply> {
    this.seen.push("resume by name");
    return Promise.resolve(this.begun);
  }
  pause(): Promise<JobReply> {
    this.seen.push("pause");
    return Promise.resolve({ state: "ok", job: STATUS });
  }
  job(): Promise<JobReply> {
    if (this.seen.length === 0) {
      const { known } = this;
      return Promise.resolve(
        known === null ? { state: "unknown", reason: "none" } : { state: "ok", job: known },
      );
    }
    return Promise.resolve({ state: "ok", job: this.looks.shift() ?? STATUS });
  }
  report(): Promise<RunReport> {
    const clock = new VirtualClock();
    const recorder = new RunRecorder({ clock, runId: "night-1", job: "night" });
    recorder.phase("dividends").items({ ok: this.ok, failed: 3 });
    return Promise.resolve(recorder.report("paused"));
  }
  gaveUp(): Error | null {
    return this.failure;
  }
  close(): Promise<void> {
    this.seen.push("close");
    return Promise.resolve();
  }
  abort(): void {
    this.seen.push("abort");
  }
}

const OK: JobReply = { state: "ok", job: STATUS };

function ending(jobs: FakeJobs, words: readonly string[] = [], given: Partial<CliIo> = {}) {
  return run(
    ["backfill", "--job", "job.json", "--data", ":memory:", ...words],
    { openJobs: jobs.open },
    { readText: FILE_IO.readText, ...given },
  );
}

Deno.test("backfill exits by how the job came to rest, and says what is saved", async () => {
  const at = (state: JobStatus["state"], more: Partial<JobStatus> = {}): JobStatus => ({
    ...STATUS,
    state,
    progress: null,
    ...more,
  });
  const cases: [JobStatus, number, RegExp][] = [
    [at("done", { settled: 1_000 }), 0, /job night is done: 1,000 items\n/],
    [at("done", { failed: 3 }), 0, /is done: 1,000 items, 3 given up: wick dlq list\n/],
    [
      at("failed", { lastError: "key refused" }),
      1,
      /failed: key refused; 430 of 1,000 items saved;/,
    ],
    [at("cancelled"), 1, /was cancelled; 430 of 1,000 items saved\n/],
    [at("paused"), 75, /is paused; .* go on with wick backfill --resume --name night --data :me/],
  ];
  for (const [last, code, said] of cases) {
    const ran = await ending(new FakeJobs(null, OK, [last]));
    assertEquals(ran.code, code, ran.err);
    assertMatch(ran.err, said);
    assertMatch(ran.out, /^Run night-1 of night: /);
  }
  const none = await ending(new FakeJobs(null, OK, [at("done", { failed: 3 })], 0), ["--json"]);
  assertEquals(none.code, 1);
  assertEquals(runReport.parse(JSON.parse(none.out)).run_summary.items_failed, 3);
});

Deno.test("backfill pauses at Ctrl-C, exits with 130, and lets go at the second", async () => {
  const interrupt = new AbortController();
  const cleaners: (() => void)[] = [];
  const jobs = new FakeJobs(null, OK, [
    STATUS,
    { ...STATUS, state: "pausing" },
    { ...STATUS, state: "paused", progress: null },
  ]);
  const running = ending(jobs, [], {
    interrupted: interrupt.signal,
    onSecondInterrupt: (clean) => void cleaners.push(clean),
  });
  interrupt.abort();
  const { code, err } = await running;
  assertEquals(code, 130);
  assertMatch(err, /pausing: what is under way ends and is saved; Ctrl-C again stops at once\n/);
  assertMatch(err, /job night is paused; 430 of 1,000 items saved; go on with wick backfill --res/);
  assertEquals(jobs.seen.filter((one) => one !== "close"), ["resume", "pause"]);
  for (const clean of cleaners) clean();
  assertEquals(jobs.seen.at(-1), "abort");
});

Deno.test("backfill follows a job that goes on by itself, if it is the same", async () => {
  const own = { ...STATUS, symbols: 2 };
  const done: JobStatus = { ...STATUS, state: "done", progress: null };
  class Going extends FakeJobs {
    override job(): Promise<JobReply> {
      this.seen.push("look");
      return super.job();
    }
  }
  const same = new Going(own, OK, [own, done]);
  const { code, err } = await ending(same);
  assertEquals(code, 0, err);
  assertMatch(err, /job night goes on\n/);
  assert(!same.seen.includes("resume"));
  const other = new FakeJobs({ ...own, symbols: 3 }, OK, []);
  const refused = await ending(other);
  assertEquals(refused.code, 1);
  assertMatch(refused.err, /Cannot go on with job night: it is under way with other symbols/);
});

Deno.test("backfill --restart pauses what is under way first", async () => {
  const paused: JobStatus = { ...STATUS, state: "paused" };
  const done: JobStatus = { ...STATUS, state: "done" };
  const jobs = new FakeJobs(STATUS, OK, [paused, done]);
  const { code, err } = await ending(jobs, ["--restart"]);
  assertEquals(code, 0, err);
  assertEquals(jobs.seen.filter((one) => one !== "close"), ["pause", "restart"]);
});

Deno.test("backfill --name alone goes on with a job that is known", async () => {
  const jobs = new FakeJobs(null, OK, [{ ...STATUS, state: "done" }]);
  const words = ["backfill", "--name", "night", "--data", ":memory:"];
  const { code } = await run(words, { openJobs: jobs.open });
  assertEquals(code, 0);
  assertEquals(jobs.seen[0], "resume by name");
});

Deno.test("backfill in this process does not wait for the time of a schedule", async () => {
  const text = JSON.stringify({
    ...JSON.parse(FILES["job.json"] ?? ""),
    schedule: { cron: "0 3 * * *" },
  });
  const readText = (path: string, bytesMax: number) =>
    path === "job.json" ? Promise.resolve(text) : FILE_IO.readText(path, bytesMax);
  const jobs = new FakeJobs(null, OK, [{ ...STATUS, state: "done" }]);
  await ending(jobs, [], { readText });
  assertEquals(jobs.seen[0], "resume");
});

Deno.test("backfill says why a job is refused, why nothing opens, and that the tree gave up", async () => {
  const refusal: JobReply = { state: "refused", reason: "Cannot start job night: no provider" };
  const refused = await ending(new FakeJobs(null, refusal, []));
  assertEquals([refused.code, refused.err], [
    1,
    "wick backfill: Cannot start job night: no provider\n",
  ]);
  const locked = await run(["backfill", "--job", "job.json"], {
    openJobs: () => Promise.reject(new ServeError("Cannot open data/wick.db: it is locked", 75)),
  }, { readText: FILE_IO.readText });
  assertEquals(locked.code, 75);
  assertMatch(
    locked.err,
    /it is locked; if a service runs there, --url http:\/\/127\.0\.0\.1:8003 /,
  );
  const broken = new FakeJobs(null, OK, []);
  broken.failure = new Error("core restarted 4 times");
  const gaveUp = await ending(broken);
  assertEquals(gaveUp.code, 70);
  assertMatch(gaveUp.err, /gave up: core restarted 4 times/);
});

Deno.test("backfill draws a bar on a terminal, and leaves the line empty", async () => {
  const jobs = new FakeJobs(null, OK, [
    STATUS,
    STATUS,
    STATUS,
    { ...STATUS, state: "done", progress: null },
  ]);
  const { err } = await ending(jobs, [], { isTerminal: { stdout: false, stderr: true } });
  assert(err.includes("\r\x1b[K[####......] 43 %  430 of 1,000  12.5/s"), err);
  assert(err.includes("\r\x1b[Kwick backfill: job night is done"), err);
});

// ---- in a service -----------------------------------------------------------------------------------

async function inService(use: (url: string) => Promise<void>, medianMs = 1): Promise<void> {
  const wick = await startWick({
    workers: 1,
    store: { kind: "memory" },
    providers: [{
      name: "simulated",
      begin: "free",
      open: () =>
        simulatedProvider(systemClock, {
          medianMs,
          p99Ms: 2 * medianMs,
          perKeyMs: 0,
          limits: [],
          transientRatio: 0,
        }),
    }],
    admin: { about: { name: "wick", version: "1" }, options: { port: 0 } },
    system: { log: null },
  });
  try {
    const { url } = await wick.admin.ask("status", {});
    await use(url);
  } finally {
    await wick.system.stop();
  }
}

const SYMBOLS = `${Array.from({ length: 300 }, (_, i) => `S${i}`).join("\n")}\n`;
const WITH_SYMBOLS = { readText: () => Promise.resolve(SYMBOLS) };

function remote(url: string, words: readonly string[], given: Partial<CliIo> = {}): Promise<Ran> {
  const own = ["--symbols", "s.csv", "--kinds", "news,companies", "--provider", "simulated"];
  const readText = (path: string) =>
    path === "s.csv" ? WITH_SYMBOLS.readText() : Promise.reject(new Deno.errors.NotFound(path));
  return run(["backfill", ...own, "--url", url, ...words], {}, { readText, ...given });
}

Deno.test("backfill --url runs the job in the service, and ends with its report", () =>
  inService(async (url) => {
    const { code, out, err } = await remote(url, ["--json"]);
    assertEquals(code, 0, err);
    const report = runReport.parse(JSON.parse(out));
    assertEquals(report.run_summary.items_ok, 600);
    assertEquals(Object.keys(report.phases).sort(), ["news", "profiles"]);
    const refused = await remote(url, ["--provider", "nobody"]);
    assertEquals(refused.code, 1);
    assertMatch(refused.err, /expected a provider of simulated: current value is nobody \(409\)/);
    const compared = await run(["report", "--url", url, "--json"]);
    assertEquals(JSON.parse(compared.out).jobs[0].runs[0].runId, report.run_summary.run_id);
  }));

Deno.test("backfill --url pauses the job at Ctrl-C, and goes on with it afterwards", () =>
  inService(async (url) => {
    const interrupt = new AbortController();
    const slow = ["--workers", "1", "--chunk", "5"];
    const running = remote(url, slow, { interrupted: interrupt.signal });
    interrupt.abort();
    const paused = await running;
    assertEquals(paused.code, 130, paused.err);
    assertMatch(
      paused.err,
      new RegExp(`go on with wick backfill --resume --name s --url ${url}\n`),
    );
    const resumed = await run(["backfill", "--resume", "--name", "s", "--url", url, "--json"]);
    assertEquals(resumed.code, 0, resumed.err);
    const { run_summary } = runReport.parse(JSON.parse(resumed.out));
    assertEquals([run_summary.items_ok, run_summary.resumed], [600, 1]);
  }, 30));

Deno.test("backfill --url exits with 69 when nobody answers", async () => {
  const { code, err } = await remote("http://127.0.0.1:1", []);
  assertEquals(code, 69);
  assertMatch(err, /Cannot reach the service at http:\/\/127\.0\.0\.1:1/);
});

// ---- as a process -----------------------------------------------------------------------------------

/** A provider that answers within milliseconds, or as slowly as said. */
function configText(medianMs: number): string {
  const provider = { kind: "simulated", name: "near", limits: [], transientRatio: 0 };
  const times = { medianMs, p99Ms: 2 * medianMs, perKeyMs: 0 };
  return JSON.stringify({ workers: 1, providers: [{ ...provider, ...times }] });
}

const NIGHT = [
  "backfill",
  "--symbols",
  "s.csv",
  "--kinds",
  "prices,dividends",
  "--provider",
  "near",
];

async function inJobFolder(medianMs: number, use: (folder: string) => Promise<void>) {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/wick.json`, configText(medianMs));
    await Deno.writeTextFile(`${folder}/s.csv`, SYMBOLS);
    await use(folder);
  });
}

Deno.test("backfill as a process keeps what it fetched, and fetches nothing twice", () =>
  inJobFolder(1, async (folder) => {
    const first = await wick(NIGHT, { cwd: folder });
    assertEquals(first.code, 0, first.err);
    assertMatch(first.out, /^Run s-\S+ of s: done in /);
    assertMatch(first.out, /^600 items processed: 600 ok, 0 failed/m);
    assertMatch(first.err, /report in data\/metrics_LATEST\.json\n/);
    const latest = runReport.parse(JSON.parse(readText(folder, "data", "metrics_LATEST.json")));
    const { run_id } = latest.run_summary;
    assertEquals(
      readText(folder, "data", `metrics_${run_id}.json`),
      readText(folder, "data", "metrics_LATEST.json"),
    );
    const again = await wick([...NIGHT, "--json", "--metrics-dir", "m"], { cwd: folder });
    assertEquals(again.code, 0, again.err);
    const { run_summary, api_metrics } = runReport.parse(JSON.parse(again.out));
    assertEquals([run_summary.items_skipped, api_metrics.total_calls], [600, 0]);
    assertEquals(listed(`${folder}/m`), [
      "metrics_LATEST.json",
      `metrics_${run_summary.run_id}.json`,
    ]);
  }));

Deno.test("backfill as a process pauses at SIGINT, survives SIGKILL, and does only the rest", () =>
  inJobFolder(60, async (folder) => {
    const words = [...NIGHT, "--workers", "1", "--chunk", "5"];
    const begun = async (): Promise<Deno.ChildProcess> => {
      const child = start(words, { cwd: folder });
      // The database is open when its log is there.
      while (
        !listed(folder).includes("data") || !listed(`${folder}/data`).includes("wick.db-wal")
      ) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      return child;
    };
    const killed = await begun();
    killed.kill("SIGKILL");
    await killed.output();
    const paused = await begun();
    // Whoever has the folder keeps others out of it.
    const other = await wick(words, { cwd: folder });
    assertEquals(other.code, 75, other.err);
    assertMatch(other.err, /\(locked\); if a service runs there, --url/);
    paused.kill("SIGINT");
    const { code, stderr } = await paused.output();
    const err = new TextDecoder().decode(stderr);
    assertEquals(code, 130, err);
    assertMatch(err, /job s goes on\n/);
    assertMatch(err, /job s is paused; \d+ of 600 items saved; go on with wick backfill --resume /);
    await Deno.writeTextFile(`${folder}/wick.json`, configText(1));
    const last = await wick(["backfill", "--resume", "--name", "s", "--json"], { cwd: folder });
    assertEquals(last.code, 0, last.err);
    const { run_summary, phases } = runReport.parse(JSON.parse(last.out));
    assertEquals(run_summary.items_ok, 600);
    // Killed before its first save it has no part to go on with.
    assert(run_summary.resumed === 1 || run_summary.resumed === 2);
    assertEquals([phases.prices?.ok, phases.dividends?.ok], [300, 300]);
  }));

Deno.test("serve runs configured jobs at their times only, over restarts too", () =>
  inFolder(async (folder) => {
    const job = {
      name: "night",
      symbols: ["A", "B"],
      kinds: ["dividends"],
      provider: "simulated",
      schedule: { cron: "0 3 1 1 *", timeZone: "UTC" },
    };
    const words = ["--config", `${folder}/wick.json`];
    const symbols = ["A", "B"];
    for (const round of [0, 1]) {
      symbols.push(`C${round}`);
      await Deno.writeTextFile(
        `${folder}/wick.json`,
        JSON.stringify({ jobs: [{ ...job, symbols }] }),
      );
      await using service = await servedProcess({ folder, words });
      const shown = await service.json<JobStatus>("/api/jobs/night");
      assertEquals([shown.state, shown.runId, shown.symbols], ["pending", null, 3 + round]);
      assertEquals(new Date(shown.nextMs ?? 0).getUTCMonth(), 0);
      if (round === 1) {
        const body = JSON.stringify({ job: { ...job, symbols }, mode: "restart" });
        const headers = { "content-type": "application/json" };
        const started = await fetch(`${service.url}/api/jobs`, { method: "POST", headers, body });
        assertEquals(started.status, 200, await started.text());
        while ((await service.json<JobStatus>("/api/jobs/night")).state !== "done");
      }
      assertEquals(await service.end("SIGTERM"), 0);
    }
    const report = runReport.parse(JSON.parse(readText(folder, "data", "metrics_LATEST.json")));
    assertEquals(report.run_summary.items_ok, 4);
  }));
