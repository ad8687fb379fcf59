/** The shell around the service: start, signals, how it ends, and what is said meanwhile. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { VirtualClock } from "../../src/actor/clock.ts";
import { CONFIG_DEFAULTS } from "../../src/cli/settings.ts";
import type { WickConfig } from "../../src/cli/config_schema.ts";
import { UsageError } from "../../src/cli/exit_code.ts";
import { runCommand } from "../../src/cli/main.ts";
import { type Drained, type RunServe, ServeError, type ServeHandle } from "../../src/cli/parts.ts";
import { admissionOf, labelParamsOf, sourceOf } from "../../src/cli/serve_feeds.ts";
import { bindProblem } from "../../src/cli/serve.ts";
import { Admission } from "../../src/label/admission.ts";
import { DEFAULT_PARAMS, paramHash } from "../../src/label/params.ts";
import { envOf, fakeIo, HEADER, inFolder, linesOf, PARTS } from "./support.ts";

/** A service that runs and drains as it is told. */
class FakeService {
  readonly over = Promise.withResolvers<Error | null>();
  readonly drained = Promise.withResolvers<Drained>();
  readonly started = Promise.withResolvers<void>();
  readonly seen: string[] = [];
  config: WickConfig | null = null;

  readonly run: RunServe = (config, log) => {
    this.config = config;
    log("warn", "/wick/core/store", "log line", { token: "x" });
    const handle: ServeHandle = {
      url: `http://${config.host}:8003`,
      data: config.data,
      progress: () => "7 batches",
      drain: () => {
        this.seen.push("drain");
        return this.drained.promise;
      },
      abort: () => void this.seen.push("abort"),
      done: this.over.promise,
    };
    this.started.resolve();
    return Promise.resolve(handle);
  };
}

/** `wick serve` under way. */
function serving(words: readonly string[] = [], variables: Readonly<Record<string, string>> = {}) {
  const service = new FakeService();
  const interrupt = new AbortController();
  const cleaners: (() => void)[] = [];
  const clock = new VirtualClock();
  const io = fakeIo({
    ...envOf(variables),
    clock,
    interrupted: interrupt.signal,
    onSecondInterrupt: (clean) => void cleaners.push(clean),
  });
  const code = runCommand(["serve", ...words], { ...PARTS, runServe: service.run }, io);
  return { service, interrupt, cleaners, clock, io, code };
}

Deno.test("serve says where it is ready, and hands on configuration and log", async () => {
  const { service, io, code } = serving(["--port", "9000", "--feed", "synthetic", "--json"]);
  await service.started.promise;
  service.over.resolve(null);
  assertEquals(await code, 0);
  assertEquals(service.config?.port, 9000);
  const [log, ready, stopped] = linesOf(io.text.err);
  assertEquals(JSON.parse(log ?? "").fields, { token: "[hidden]" });
  assertEquals(ready, "wick serve: ready at http://127.0.0.1:8003, data in data, 1 feed");
  assertEquals(stopped, "wick serve: stopped: on request");
  assertEquals(linesOf(io.text.out).map((line) => JSON.parse(line)), [
    { state: "ready", url: "http://127.0.0.1:8003", data: "data" },
    { state: "stopped", detail: "on request", exitCode: 0 },
  ]);
});

Deno.test("serve drains at the first interrupt, says how far it is, and exits with 0", async () => {
  const { service, interrupt, cleaners, clock, io, code } = serving(["--data", ":memory:"]);
  await service.started.promise;
  await Promise.resolve();
  interrupt.abort();
  while (service.seen.length === 0) await Promise.resolve();
  // The line is said, then the next one is due.
  for (const ms of [1_000, 1_000, 500]) {
    clock.advance(ms);
    await Promise.resolve();
    await Promise.resolve();
  }
  service.drained.resolve({ state: "drained", detail: "7 batches committed" });
  assertEquals(await code, 0);
  const said = linesOf(io.text.err).slice(1);
  assertMatch(said[0] ?? "", /ready at .*data in memory only/);
  assertMatch(
    said[1] ?? "",
    /stopping: no new work, committing what was taken \(7 batches\), at most 10 s; Ctrl-C again stops at once/,
  );
  assertEquals(said.slice(2), [
    "wick serve: still stopping: 7 batches",
    "wick serve: still stopping: 7 batches",
    "wick serve: stopped: 7 batches committed",
  ]);
  assertEquals(service.seen, ["drain"]);
  for (const clean of cleaners) clean();
  assertEquals(service.seen, ["drain", "abort"]);
  assertEquals(clock.nextTimerAt(), Infinity);
});

Deno.test("serve that was interrupted while it started drains once it is up", async () => {
  const { service, interrupt, code } = serving();
  interrupt.abort();
  service.drained.resolve({ state: "drained", detail: "" });
  assertEquals(await code, 0);
  assertEquals(service.seen, ["drain"]);
});

Deno.test("serve exits with 1 when the time to drain was over", async () => {
  const { service, interrupt, io, code } = serving();
  interrupt.abort();
  service.drained.resolve({ state: "cut", detail: "2 batches were not committed" });
  assertEquals(await code, 1);
  assertMatch(io.text.err, /wick serve: cut off: 2 batches were not committed\n$/);
});

Deno.test("serve exits with 70 when the tree gives up", async () => {
  const { service, io, code } = serving();
  service.over.resolve(new Error("core restarted 4 times in 5 s"));
  assertEquals(await code, 70);
  assertMatch(io.text.err, /wick serve: gave up: core restarted 4 times in 5 s\n$/);
});

Deno.test("serve says why it cannot start, with the exit code of the reason", async () => {
  for (const exit of [1, 75] as const) {
    const io = fakeIo();
    const runServe = () => Promise.reject(new ServeError("Cannot open data: it is locked", exit));
    assertEquals(await runCommand(["serve"], { ...PARTS, runServe }, io), exit);
    assertEquals(io.text.err, "wick serve: Cannot open data: it is locked\n");
  }
});

Deno.test("serve hands on every module of scorers, and exits with 2 when one cannot be used", async () => {
  const { service, code } = serving(["--scorer", "a.ts", "--scorer=b.ts", "--data", ":memory:"]);
  await service.started.promise;
  service.over.resolve(null);
  assertEquals(await code, 0);
  assertEquals(service.config?.refreshScorers, ["a.ts", "b.ts"]);
  const io = fakeIo();
  const runServe = () => Promise.reject(new UsageError("Cannot load the scorers of a.ts: none"));
  assertEquals(await runCommand(["serve"], { ...PARTS, runServe }, io), 2);
  assertEquals(io.text.err, "wick serve: Cannot load the scorers of a.ts: none\n");
});

Deno.test("serve refuses addresses of others without a token, and weak tokens", async () => {
  const io = fakeIo();
  const runServe = () => Promise.reject(new Error("must not start"));
  const code = await runCommand(["serve", "--host", "0.0.0.0"], { ...PARTS, runServe }, io);
  assertEquals(code, 2);
  assertMatch(
    io.text.err,
    /^wick serve: Cannot listen on 0\.0\.0\.0: expected 127\.0\.0\.1, or a tok/,
  );
  const weak = fakeIo(envOf({ WICK_TOKEN: "hunter2" }));
  assertEquals(await runCommand(["serve"], { ...PARTS, runServe }, weak), 2);
  assertMatch(weak.text.err, /Cannot use WICK_TOKEN: expected at least 16/);
  assert(!weak.text.err.includes("hunter2"));
  const config = { ...CONFIG_DEFAULTS, host: "0.0.0.0", token: "token-0123456789abc" };
  assertEquals(bindProblem(config), null);
});

Deno.test("serve warns of what durability normal may lose", async () => {
  const { service, io, code } = serving(["--durability", "normal"]);
  service.over.resolve(null);
  await code;
  assertMatch(io.text.err, /durability normal: a power cut may take the last commits/);
});

Deno.test("sourceOf() makes sources that read what the configuration says", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/a.csv`;
    await Deno.writeTextFile(path, `${HEADER}0,1,2,1,2,5\n3600000,1,2,1,2,6\n`);
    const feed = {
      kind: "file" as const,
      name: "a",
      priority: 5,
      bulk: true,
      path,
      series: "A:H1",
      format: null,
      follow: false,
      speed: null,
    };
    await using source = sourceOf(feed, 1, new VirtualClock());
    assertEquals(source.name, "a");
    await source.open(null);
    const { signal } = new AbortController();
    const volumes: (number | undefined)[] = [];
    for (let done = false; !done;) {
      const batch = await source.read(signal);
      for (const { series, length, volume } of batch?.blocks ?? []) {
        assertEquals([series, length], ["A:H1", 1]);
        volumes.push(volume[0]);
      }
      done = batch?.done ?? true;
    }
    assertEquals(volumes, [5, 6]);
  });
  const synthetic = {
    kind: "synthetic" as const,
    name: "s",
    priority: 5,
    bulk: true,
    seed: 3,
    ratePerSecond: null,
    symbols: ["BTC_USD"],
    granularities: ["H4" as const],
    endMs: Date.UTC(2020, 0, 20),
    faults: false,
  };
  await using source = sourceOf(synthetic, 256, new VirtualClock());
  await source.open(null);
  const batch = await source.read(new AbortController().signal);
  // Crypto never rests, and nothing goes wrong: six bars a day from 2020-01-06 to the 20th.
  assertEquals(batch?.blocks.map(({ series, length }) => [series, length]), [["BTC_USD:H4", 84]]);
  assertEquals(batch?.rejections, []);
});

Deno.test("admissionOf() and labelParamsOf() translate the configuration", () => {
  const by = (admission: WickConfig["admission"], queueSize = 10_000) =>
    admissionOf({ ...CONFIG_DEFAULTS, admission, queueSize });
  assertEquals(by("delay"), { onMs: 60, offMs: 20, hardMs: 80 });
  assertEquals(by("count"), { onCount: 8_000, offCount: 2_000, hardCount: 10_000 });
  assertEquals(by("count", 10), { onCount: 8, offCount: 2, hardCount: 10 });
  assert(new Admission(by("off")).admits(1e15, 0, 0, 1e15));
  assertEquals(labelParamsOf(CONFIG_DEFAULTS), DEFAULT_PARAMS);
  const longer = labelParamsOf({ ...CONFIG_DEFAULTS, labelHorizon: 24 });
  assertEquals(paramHash(longer), paramHash({ horizon: 24 }));
});

Deno.test("serve --no-tune lets the monitor change nothing by itself", async () => {
  for (
    const [words, variables, isEnabled] of [
      [[], {}, true],
      [["--no-tune"], {}, false],
      [["--no-tune"], { WICK_TUNING_ENABLED: "true" }, false],
      [[], { WICK_TUNING_ENABLED: "false" }, false],
    ] as const
  ) {
    const { service, code } = serving(words, variables);
    await service.started.promise;
    service.over.resolve(null);
    assertEquals(await code, 0);
    assertEquals(service.config?.tuningEnabled, isEnabled);
  }
});
