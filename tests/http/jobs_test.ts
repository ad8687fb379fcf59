/** Routes about jobs and providers, over the whole tree with a provider that answers at once. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { z } from "zod";
import { startWick, type Wick } from "../../actors/tree.ts";
import { systemClock } from "../../src/actor/clock.ts";
import {
  jobsReply,
  jobStatus,
  providersReply,
  reportsReply,
  runReport,
} from "../../src/http/job_schemas.ts";
import { JOB_BYTES_MAX } from "../../src/http/limits.ts";
import { wickClient } from "../../src/http/client.ts";
import { createApp } from "../../src/http/app.ts";
import { problem } from "../../src/http/schemas.ts";
import { simulatedProvider } from "../../src/provider/simulated.ts";
import type { SimulatedOptions } from "../../src/provider/simulated_options.ts";
import { MemoryService } from "./service.ts";
import { ACT, READ } from "./support.ts";

const FAST: SimulatedOptions = {
  medianMs: 1,
  p99Ms: 2,
  perKeyMs: 0,
  limits: [],
  transientRatio: 0,
};
const JSON_TYPE = { "content-type": "application/json" };

interface Rig extends AsyncDisposable {
  readonly url: string;
  readonly wick: Wick;
  get(path: string): Promise<Response>;
  post(path: string, body?: unknown): Promise<Response>;
}

async function rig(options: SimulatedOptions = {}): Promise<Rig> {
  const open = () => simulatedProvider(systemClock, { ...FAST, ...options });
  const wick = await startWick({
    workers: 1,
    store: { kind: "memory" },
    providers: [{ name: "simulated", begin: "free", open }],
    monitor: { intervalMs: 20 },
    admin: { about: { name: "wick", version: "1" }, options: { port: 0 } },
    system: { log: null },
  });
  const { url } = await wick.admin.ask("status", {});
  return {
    url,
    wick,
    get: (path) => fetch(url + path),
    post: (path, body) =>
      fetch(url + path, {
        method: "POST",
        ...(body === undefined ? {} : { headers: JSON_TYPE, body: JSON.stringify(body) }),
      }),
    [Symbol.asyncDispose]: () => wick.system.stop(),
  };
}

const symbols = (count: number) => Array.from({ length: count }, (_, i) => `S${i}`);

const NIGHT = {
  name: "night",
  symbols: symbols(60),
  kinds: ["prices", "companies"],
  provider: "simulated",
};

async function read<S extends z.ZodType>(answer: Response, schema: S): Promise<z.output<S>> {
  const text = await answer.text();
  assertEquals(answer.status, 200, text);
  return schema.parse(JSON.parse(text));
}

async function refused(answer: Response, status: number, code: string) {
  const text = await answer.text();
  assertEquals(answer.status, status, text);
  const found = problem.parse(JSON.parse(text));
  assertEquals(found.code, code, text);
  return found;
}

async function ended(wick: Wick, name: string) {
  return await wick.backfill.ask("ended", { name }, { timeoutMs: 30_000 });
}

Deno.test("a job is started, listed, shown, and reported; companies means profiles", async () => {
  await using one = await rig();
  const started = await read(await one.post("/api/jobs", { job: NIGHT }), jobStatus);
  assertEquals([started.name, started.symbols, started.items], ["night", 60, 120]);
  assertEquals(started.kinds, ["prices", "profiles"]);
  await ended(one.wick, "night");
  const { jobs } = await read(await one.get("/api/jobs"), jobsReply);
  assertEquals(jobs.map(({ name, state, settled }) => [name, state, settled]), [
    ["night", "done", 120],
  ]);
  const shown = await read(await one.get("/api/jobs/night"), jobStatus);
  assertEquals([shown.state, shown.progress, shown.failed], ["done", null, 0]);
  const report = await read(await one.get("/api/jobs/night/report"), runReport);
  assertEquals(report.run_summary.items_ok, 120);
  // 60 prices of one day in one call, 60 profiles in calls of 50 at most.
  assertEquals(Object.keys(report.phases), ["prices", "profiles"]);
  const { reports } = await read(await one.get("/api/reports?job=night"), reportsReply);
  assertEquals(reports.map(({ run_summary }) => run_summary.run_id), [shown.runId]);
  assertEquals((await read(await one.get("/api/reports?job=x"), reportsReply)).reports, []);
});

Deno.test("a job is paused, resumed and cancelled", async () => {
  await using one = await rig({ medianMs: 40, p99Ms: 60 });
  const job = { ...NIGHT, symbols: symbols(2_000), workers: 1, chunk: 10 };
  await read(await one.post("/api/jobs", { job }), jobStatus);
  const pausing = await read(await one.post("/api/jobs/night/pause"), jobStatus);
  assertEquals(pausing.state, "pausing");
  await ended(one.wick, "night");
  const paused = await read(await one.get("/api/jobs/night"), jobStatus);
  assertEquals(paused.state, "paused");
  const resumed = await read(await one.post("/api/jobs/night/resume"), jobStatus);
  assertEquals([resumed.state, resumed.runId], ["running", paused.runId]);
  await refused(await one.post("/api/jobs/night/resume"), 409, "job_refused");
  await refused(await one.post("/api/jobs", { job }), 409, "job_refused");
  await read(await one.post("/api/jobs/night/cancel"), jobStatus);
  await ended(one.wick, "night");
  assertEquals((await read(await one.get("/api/jobs/night"), jobStatus)).state, "cancelled");
  const again = await refused(await one.post("/api/jobs/night/pause"), 409, "job_refused");
  assertMatch(again.detail, /Cannot pause job: expected one that is running/);
});

Deno.test("a job that is not there is 404, on every route about one", async () => {
  await using one = await rig();
  for (const path of ["", "/report"]) {
    await refused(await one.get(`/api/jobs/nobody${path}`), 404, "no_job");
  }
  for (const verb of ["pause", "resume", "cancel"]) {
    await refused(await one.post(`/api/jobs/nobody/${verb}`), 404, "no_job");
  }
});

Deno.test("a job that waits for its time has no report, and its cancel ends the schedule", async () => {
  await using one = await rig();
  const job = { ...NIGHT, schedule: { cron: "0 3 * * *", timeZone: "Europe/Berlin" } };
  const waiting = await read(await one.post("/api/jobs", { job, mode: "schedule" }), jobStatus);
  assertEquals(waiting.state, "pending");
  assert(waiting.nextMs !== null && waiting.nextMs > Date.now());
  await refused(await one.get("/api/jobs/night/report"), 404, "no_report");
  // Said again, as at each start of a service, it still waits.
  const again = await read(await one.post("/api/jobs", { job, mode: "schedule" }), jobStatus);
  assertEquals([again.state, again.nextMs], ["pending", waiting.nextMs]);
  const moved = { ...job, schedule: { cron: "0 3 1 1 *", timeZone: "UTC" } };
  const later = await read(
    await one.post("/api/jobs", { job: moved, mode: "schedule" }),
    jobStatus,
  );
  assertEquals(new Date(later.nextMs ?? 0).toISOString().slice(4), "-01-01T03:00:00.000Z");
  const over = await read(await one.post("/api/jobs/night/cancel"), jobStatus);
  assertEquals([over.state, over.nextMs], ["cancelled", null]);
});

Deno.test("a job that is done loses its schedule by cancel", async () => {
  await using one = await rig();
  const job = { ...NIGHT, schedule: { cron: "0 3 * * *", timeZone: "UTC" } };
  await read(await one.post("/api/jobs", { job, mode: "restart" }), jobStatus);
  await ended(one.wick, "night");
  const done = await read(await one.get("/api/jobs/night"), jobStatus);
  assertEquals([done.state, done.nextMs === null], ["done", false]);
  const over = await read(await one.post("/api/jobs/night/cancel"), jobStatus);
  assertEquals([over.state, over.nextMs], ["done", null]);
  await refused(await one.post("/api/jobs/night/cancel"), 409, "job_refused");
});

Deno.test("what cannot run is refused with the reason", async () => {
  await using one = await rig();
  const provider = { ...NIGHT, provider: "nobody" };
  const found = await refused(await one.post("/api/jobs", { job: provider }), 409, "job_refused");
  assertMatch(found.detail, /expected a provider of simulated: current value is nobody/);
  const cron = { ...NIGHT, schedule: { cron: "at three", timeZone: "UTC" } };
  const wrong = await refused(await one.post("/api/jobs", { job: cron }), 409, "job_refused");
  assertMatch(wrong.detail, /schedule: expected a cron pattern and a time zone/);
  const unscheduled = { job: NIGHT, mode: "schedule" };
  await refused(await one.post("/api/jobs", unscheduled), 409, "job_refused");
});

Deno.test("a job of the wrong shape is 422 and names the field", async () => {
  const app = createApp(await still());
  const cases: [unknown, string][] = [
    [{ ...NIGHT, name: "../x" }, "json.job.name"],
    [{ ...NIGHT, symbols: [] }, "json.job.symbols"],
    [{ ...NIGHT, symbols: ["A", "no symbol"] }, "json.job.symbols.1"],
    [{ ...NIGHT, kinds: ["prices", "weather"] }, "json.job.kinds.1"],
    [{ ...NIGHT, workers: 5_000 }, "json.job.workers"],
    [{ ...NIGHT, chunk: 0 }, "json.job.chunk"],
    [{ ...NIGHT, rate: "often" }, "json.job.rate"],
    [{ ...NIGHT, from: "2024-02-01", to: "2024-01-01" }, "json.job.to"],
    [{ ...NIGHT, granularity: "M2" }, "json.job.granularity"],
    [{ ...NIGHT, filters: { thrift: true } }, "json.job.filters"],
    [{ ...NIGHT, schedule: { cron: "0 3 * * *", zone: "UTC" } }, "json.job.schedule"],
    [{ ...NIGHT, more: 1 }, "json.job"],
    [{ name: "night" }, "json.job.symbols"],
  ];
  for (const [job, path] of cases) {
    const answer = await app.request("/api/jobs", {
      method: "POST",
      headers: JSON_TYPE,
      body: JSON.stringify({ job }),
    });
    const found = await refused(answer, 422, "shape");
    const paths = found.issues?.map((issue) => issue.path) ?? [];
    assert(paths.includes(path), `${path}: ${JSON.stringify(found.issues)}`);
  }
});

/** A service whose system is not needed. */
async function still(): Promise<MemoryService> {
  const service = new MemoryService();
  await service.system.stop();
  return service;
}

Deno.test("a job may have 100,000 symbols of any length, and a body no more than its bound", async () => {
  const app = createApp(await still());
  const send = (body: string) =>
    app.request("/api/jobs", { method: "POST", headers: JSON_TYPE, body });
  const long = Array.from({ length: 100_000 }, (_, i) => String(i).padStart(32, "S"));
  const body = JSON.stringify({ job: { ...NIGHT, symbols: long } });
  assert(body.length < JOB_BYTES_MAX);
  // It gets as far as the picture of a service, which refuses every job.
  await refused(await send(body), 409, "job_refused");
  await refused(await send(" ".repeat(JOB_BYTES_MAX + 1)), 413, "too_large");
  const many = JSON.stringify({ job: { ...NIGHT, symbols: symbols(100_001) } });
  await refused(await send(many), 422, "shape");
});

Deno.test("starting and stopping jobs needs the token to act, looking that to read", async () => {
  const service = await still();
  const app = createApp(service, { tokens: { act: ACT, read: READ } });
  const ask = async (method: string, path: string, token: string) => {
    const headers = { authorization: `Bearer ${token}`, ...JSON_TYPE };
    const body = method === "POST" ? JSON.stringify({ job: NIGHT }) : null;
    const answer = await app.request(path, { method, headers, body });
    await answer.body?.cancel();
    return answer.status;
  };
  for (const path of ["/api/jobs", "/api/jobs/night", "/api/reports", "/api/providers"]) {
    assertEquals(await ask("GET", path, READ), 200, path);
  }
  assertEquals(await ask("POST", "/api/jobs", READ), 403);
  assertEquals(await ask("POST", "/api/jobs", ACT), 409);
  for (const verb of ["pause", "resume", "cancel"]) {
    assertEquals(await ask("POST", `/api/jobs/night/${verb}`, READ), 403, verb);
    assertEquals(await ask("POST", `/api/jobs/night/${verb}`, ACT), 200, verb);
  }
});

Deno.test("providers show their calls, and the metrics count what jobs did", async () => {
  await using one = await rig({ poison: { S7: "permanent" } });
  await read(await one.post("/api/jobs", { job: NIGHT }), jobStatus);
  await ended(one.wick, "night");
  const { providers } = await read(await one.get("/api/providers"), providersReply);
  const [status] = providers.map(({ status }) => status);
  assertEquals([status?.name, status?.breaker, status?.limiter], ["simulated", "closed", null]);
  const calls = status?.endpoints.reduce((sum, endpoint) => sum + endpoint.calls, 0) ?? 0;
  const report = await read(await one.get("/api/jobs/night/report"), runReport);
  assertEquals(calls, report.api_metrics.total_calls);
  const value = async (name: string): Promise<number> => {
    while (true) {
      const text = await (await one.get("/metrics")).text();
      const found = new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1];
      if (found !== undefined && Number(found) > 0) return Number(found);
    }
  };
  assertEquals(await value("wick_job_calls_total"), calls);
  assertEquals(await value("wick_job_items_ok_total"), 118);
  assertEquals(await value("wick_job_items_failed_total"), 2);
  assertEquals(await value('wick_job_runs_total\\{state="done"\\}'), 1);
  assertEquals(await value('wick_jobs\\{state="done"\\}'), 1);
  assertEquals(await value('wick_provider_breaker_closed\\{provider="simulated"\\}'), 1);
});

Deno.test("events tell when a job changes its state, and how it goes", async () => {
  await using one = await rig();
  const answer = await one.get("/api/events?types=job,job_progress");
  assert(answer.body !== null);
  await read(await one.post("/api/jobs", { job: NIGHT }), jobStatus);
  const seen: [string, string][] = [];
  let text = "";
  for await (const part of answer.body.pipeThrough(new TextDecoderStream())) {
    text += part;
    const blocks = text.split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks) {
      const type = /^event: ?(.*)$/m.exec(block)?.[1];
      const data = /^data: ?(.*)$/m.exec(block)?.[1];
      if (type === undefined || data === undefined) continue;
      const event = JSON.parse(data);
      seen.push([type, jobStatus.parse(event.data ?? event).state]);
    }
    if (seen.at(-1)?.[1] === "done") break;
  }
  const changes = seen.filter(([type]) => type === "job").map(([, state]) => state);
  assertEquals(changes, ["running", "done"]);
  assert(seen.some(([type]) => type === "job_progress"), JSON.stringify(seen));
});

Deno.test("the typed client knows the routes of jobs", async () => {
  await using one = await rig();
  const client = wickClient(one.url);
  const started = await client.api.jobs.$post({ json: { job: NIGHT } });
  assertEquals((await started.json()).name, "night");
  await ended(one.wick, "night");
  const report = await client.api.jobs[":id"].report.$get({ param: { id: "night" } });
  assertEquals((await report.json()).run_summary.state, "done");
});
