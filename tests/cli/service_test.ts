/** Commands against a running service: a served admin app over a real actor system. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { COMMANDS } from "../../src/cli/commands.ts";
import { runCommand } from "../../src/cli/main.ts";
import { ACT, candleLines, READ, type Served, served } from "../http/support.ts";
import { envOf, fakeIo, linesOf, PARTS, type Ran, run, wick } from "./support.ts";

function at(service: Served, ...words: string[]): Promise<Ran> {
  return run([...words, "--url", service.url]);
}

async function push({ url }: Served, lines: readonly string[]): Promise<void> {
  const headers = { "content-type": "application/x-ndjson" };
  const body = `${lines.join("\n")}\n`;
  const response = await fetch(`${url}/api/candles`, { method: "POST", headers, body });
  await response.json();
  assertEquals(response.status, 200);
}

Deno.test("status prints parts, and exits with 1 when one is not well", async () => {
  await using one = await served();
  const well = await at(one, "status");
  assertEquals(well.code, 0);
  assertMatch(well.out, /^wick 9\.9\.9 {2}ok {2}commit 0\n/);
  assertMatch(well.out, /^store +ok +seq 0$/m);
  one.service.healthState = "degraded";
  assertEquals((await at(one, "status")).code, 1);
  const json = JSON.parse((await at(one, "status", "--json")).out);
  assertEquals([json.state, json.ready, json.parts[0].name], ["degraded", true, "store"]);
});

Deno.test("tree draws every actor with its figures", async () => {
  await using one = await served();
  const { code, out } = await at(one, "tree");
  assertEquals(code, 0);
  const lines = linesOf(out);
  assertMatch(lines[0] ?? "", /^actor +state +queue +done\/s +p99 ms +wait ms/);
  assertMatch(lines[1] ?? "", /^wick \(one_for_one\) +running/);
  assertMatch(lines[2] ?? "", /^└─ counter +running +0/);
  const json = JSON.parse((await at(one, "tree", "--json")).out);
  assertEquals(json.children[0].path, "/wick/counter");
});

Deno.test("tree shows restarts and what an actor failed with last", async () => {
  await using one = await served();
  const failed = await at(one, "send", "counter", "fail");
  assertEquals(failed.code, 1);
  const { out } = await at(one, "tree");
  assertMatch(out, /└─ counter +running .* 1 +1$/m);
  assertMatch(out, /\/wick\/counter: .*internal text of a crash/);
});

Deno.test("top prints snapshots, or draws in place on a terminal and leaves it as it was", async () => {
  await using one = await served();
  const plain = await at(one, "top", "--count", "2", "--seconds", "0.1");
  assertEquals(plain.code, 0);
  assertEquals(plain.out.match(/^wick 9\.9\.9/gm)?.length, 2);
  assert(!plain.out.includes("\x1b"));
  const json = linesOf((await at(one, "top", "--count", "2", "--seconds", "0.1", "--json")).out);
  assertEquals(json.map((line) => JSON.parse(line).tree.name), ["wick", "wick"]);
  const terminal = await run(["top", "--count", "2", "--seconds", "0.1", "--url", one.url], {}, {
    isTerminal: { stdout: true, stderr: true },
    columns: () => 40,
    rows: () => 3,
  });
  const screens = terminal.out.split("\x1b[H");
  assertEquals(screens.length, 3);
  assert(terminal.out.startsWith("\x1b[?1049h\x1b[?25l"));
  assert(terminal.out.endsWith("\x1b[?25h\x1b[?1049l"));
  // deno-lint-ignore no-control-regex -- codes take no room
  const lines = (screens[1] ?? "").replace(/\x1b\[[?\w]*[A-Za-z]/g, "").trimEnd().split("\n");
  assertEquals(lines.length, 2);
  assert(lines.every((line) => line.length <= 40), lines.join("|"));
});

Deno.test("top ends with 0 at an interrupt", async () => {
  await using one = await served();
  const interrupt = new AbortController();
  const io = fakeIo({ interrupted: interrupt.signal });
  const shown = io.out;
  const watching = { ...io, out: (text: string) => (interrupt.abort(), shown(text)) };
  assertEquals(await runCommand(["top", "--url", one.url], PARTS, watching), 0);
});

Deno.test("send tells, asks, lists, and says what is wrong with a message", async () => {
  await using one = await served();
  const told = await at(one, "send", "counter", "add", '{"by":5}');
  assertEquals([told.code, told.out, told.err], [0, "", "wick send: accepted\n"]);
  const asked = await at(one, "send", "/wick/counter", "total");
  assertEquals([asked.code, asked.out, asked.err], [0, "5\n", ""]);
  const json = await at(one, "send", "counter", "total", "--json");
  assertEquals(JSON.parse(json.out), { state: "replied", reply: 5 });
  const list = await at(one, "send", "counter");
  assertMatch(list.out, /^add +Adds to the count$/m);
  assert(!list.out.includes("secret"));
  const cases: [string[], number, RegExp][] = [
    [["counter", "add", '{"by":"x"}'], 1, /^wick send: .*by.*\(422\)$/m],
    [["counter", "totl"], 1, /did you mean total\?/],
    [["nobody", "total"], 1, /\(404\)/],
    [["counter", "add", "{"], 2, /Cannot use JSON: expected a JSON value/],
    [["../x", "total"], 2, /Cannot use PATH: expected one of the tree/],
    [["/", "total"], 2, /Cannot use PATH/],
    [["counter", "total", "--mode", "shout"], 2, /expected tell, ask/],
    [["counter", "never", "--timeout-ms", "20"], 1, /\(504\)/],
  ];
  for (const [words, code, message] of cases) {
    const ran = await at(one, "send", ...words);
    assertEquals(ran.code, code, ran.err);
    assertMatch(ran.err, message);
  }
});

Deno.test("dlq lists, shows, replays and drops", async () => {
  await using one = await served();
  await at(one, "send", "counter", "fail");
  const list = await at(one, "dlq", "list");
  assertEquals(list.code, 0);
  assertMatch(list.out, /^ *1 +\d{4}-\d\d-\d\d .* crashed +\/wick\/counter +fail/m);
  assertMatch(list.out, /^1 letter kept$/m);
  assertMatch(list.out, /^since the start: crashed 1$/m);
  const none = await at(one, "dlq", "list", "--reason", "overflow", "--json");
  assertEquals(JSON.parse(none.out).letters, []);
  const shown = JSON.parse((await at(one, "dlq", "show", "1")).out);
  assertEquals([shown.id, shown.type, shown.payload], [1, "fail", {}]);
  const dry = await at(one, "dlq", "drop", "--type", "fail", "--dry-run");
  assertEquals(dry.err, "wick dlq: 1 letter would be dropped\n  1 x fail of /wick/counter\n");
  const plan = await at(one, "dlq", "replay", "--path", "/wick/counter", "--dry-run");
  assertEquals(plan.err, "wick dlq: 1 letter would be sent again\n  1 x fail to /wick/counter\n");
  const nothing = await at(one, "dlq", "replay", "--reason", "overflow", "--dry-run");
  assertEquals(nothing.err, "wick dlq: no letter is meant\n");
  // It crashes the actor again, and is a letter again.
  assertEquals((await at(one, "dlq", "replay", "1")).err, "wick dlq: 1 letter sent again\n");
  assertEquals((await at(one, "dlq", "drop", "2")).err, "wick dlq: 1 letter dropped\n");
  const dropped = await at(one, "dlq", "drop", "--all", "--json");
  assertEquals(JSON.parse(dropped.out).dryRun, false);
  const cases: [string[], number, RegExp][] = [
    [["show", "99"], 1, /\(404\)/],
    [["show"], 2, /no ID given/],
    [["show", "x"], 2, /Cannot use ID: expected a number/],
    [["drop"], 2, /no ID and no filter given; wick dlq drop --all means every letter/],
    [["drop", "1", "--type", "fail"], 2, /an ID stands alone/],
    [["lst"], 2, /expected list, show, replay, drop: current value is "lst"; did you mean list\?/],
    [["list", "--limit", "1001"], 1, /limit.*\(422\)/],
  ];
  for (const [words, code, message] of cases) {
    const ran = await at(one, "dlq", ...words);
    assertEquals(ran.code, code, ran.err);
    assertMatch(ran.err, message);
  }
});

Deno.test("backup names the file by its full path", async () => {
  await using one = await served();
  const { code, out } = await at(one, "backup", "monday.db", "--json");
  assertEquals(code, 0);
  assertEquals(JSON.parse(out), { file: `${Deno.cwd()}/monday.db`, bytes: 4_096 });
  const taken = await at(one, "backup", "taken.db");
  assertEquals(taken.code, 1);
  assertMatch(taken.err, /^wick backup: Cannot back up: the file is there/);
});

Deno.test("commands take the tokens of the environment, and say when they are wrong", async () => {
  await using one = await served({ tokens: { act: ACT, read: READ } });
  const words = ["status", "--url", one.url];
  assertMatch((await run(words)).err, /\(401\); set WICK_TOKEN or WICK_TOKEN_FILE/);
  assertEquals((await run(words)).code, 1);
  assertEquals((await run(words, {}, envOf({ WICK_READ_TOKEN: READ }))).code, 0);
  const wrong = await run(words, {}, envOf({ WICK_TOKEN: "another-token-0123456789" }));
  assertMatch(wrong.err, /the token in WICK_TOKEN is not the service's/);
  assert(!wrong.err.includes("another-token"));
  const act = ["send", "counter", "add", '{"by":1}', "--url", one.url];
  assertEquals((await run(act, {}, envOf({ WICK_TOKEN: ACT }))).code, 0);
  assertMatch((await run(act, {}, envOf({ WICK_READ_TOKEN: READ }))).err, /read.*\(403\)/);
});

Deno.test("commands exit with 69 when nobody answers, with 75 when not now", async () => {
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  const { code, err } = await run(["status", "--url", `http://127.0.0.1:${port}`]);
  assertEquals(code, 69);
  assertEquals(
    err,
    `wick status: Cannot reach the service at http://127.0.0.1:${port}: connection refused; is ` +
      `wick serve running there? --url names another place\n`,
  );
  await using one = await served();
  one.service.refusals.push({
    state: "refused",
    code: "overload",
    reason: "it would wait 99 ms",
    retryAfterMs: 1_500,
  });
  const push = await fetch(`${one.url}/api/candles`, {
    method: "POST",
    headers: { "content-type": "application/x-ndjson" },
    body: `${candleLines(1)[0]}\n`,
  });
  await push.body?.cancel();
  const words = ["--series", "EUR_USD:H1", "--horizon", "9", "--url", one.url];
  one.service.data.compute = () => ({
    state: "refused",
    code: "overload",
    reason: "it would wait 99 ms",
    retryAfterMs: 1_500,
  });
  const busy = await run(["export", ...words]);
  assertEquals(busy.code, 75);
  assertMatch(busy.err, /it would wait 99 ms .*; try again in 1500 ms/);
});

Deno.test("commands say when another program answers, or not in time", async () => {
  const silence = Promise.withResolvers<void>();
  await using other = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    async (request) => {
      const { pathname } = new URL(request.url);
      if (pathname === "/api/health") return new Response("<html>hello</html>");
      await silence.promise;
      return new Response();
    },
  );
  const url = `http://127.0.0.1:${(other.addr as Deno.NetAddr).port}`;
  const status = await run(["status", "--url", url]);
  assertEquals(status.code, 1);
  assertMatch(status.err, /Cannot read the answer .* to \/api\/health: .*: no JSON/);
  const tree = await run(["tree", "--url", url], {}, envOf({ WICK_TIMEOUT_MS: "50" }));
  assertEquals(tree.code, 69);
  assertMatch(tree.err, /no answer within 50 ms/);
  silence.resolve();
});

Deno.test("commands against the service end with 130 at an interrupt", async () => {
  const silence = Promise.withResolvers<void>();
  await using silent = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    async () => {
      await silence.promise;
      return new Response();
    },
  );
  const url = `http://127.0.0.1:${(silent.addr as Deno.NetAddr).port}`;
  const interrupt = new AbortController();
  const io = fakeIo({ interrupted: interrupt.signal });
  const code = runCommand(["status", "--url", url], PARTS, io);
  interrupt.abort(new Error("interrupted"));
  assertEquals([await code, io.text.err], [130, ""]);
  silence.resolve();
});

Deno.test("every command against the service takes --url, --config and --json", () => {
  const local = ["label", "check", "demo", "serve", "config", "completions", "monitoring"];
  for (const { name, options } of COMMANDS.filter(({ name }) => !local.includes(name))) {
    for (const option of ["url", "config", "json"]) assert(option in options, `${name} ${option}`);
  }
});

Deno.test("wick bench pushes candles in order and accounts for every one", async () => {
  await using one = await served();
  const words = ["bench", "--rate", "50", "--seconds", "0.5", "--batch", "20", "--series", "10"];
  const { code, out, err } = await at(one, ...words, "--json");
  assertEquals(code, 0, err);
  const result = JSON.parse(out);
  assertEquals([result.due, result.ok, result.rows], [25, 25, 500]);
  assertEquals([result.refused, result.failed, result.unsent], [0, 0, 0]);
  const { p50, p99, max } = result.latencyMs;
  assert(p50 > 0 && p50 <= p99 && p99 <= max);
  const series = [...one.service.candles.keys()];
  assertEquals(series.length, 10);
  const counts = series.map((key) => one.service.rowsOf(key).length);
  assertEquals(counts.reduce((sum, count) => sum + count, 0), 500);
  const text = await at(one, ...words);
  assertMatch(text.out, /^push: 25 requests due in 0\.5 s, 25 answered\n/);
  assertMatch(text.out, /latency from the due time: p50 [\d.,]+ ms/);
});

Deno.test("wick bench counts latency from when a request was due", async () => {
  await using one = await served();
  const gate = Promise.withResolvers<void>();
  one.service.gate = gate.promise;
  const words = ["--rate", "100", "--seconds", "0.3", "--under-way", "2", "--series", "4"];
  const running = at(one, "bench", ...words, "--batch", "1", "--json");
  setTimeout(() => gate.resolve(), 300);
  const { latencyMs, ok } = JSON.parse((await running).out);
  assertEquals(ok, 30);
  // The stall of 300 ms delays those due at its start by all of it, those at its end by none.
  assert(latencyMs.max >= 250, `${latencyMs.max}`);
  assert(latencyMs.p50 >= 75, `${latencyMs.p50}`);
});

Deno.test("wick bench tells refusals from failures", async () => {
  await using one = await served();
  for (let i = 0; i < 5; i++) {
    one.service.refusals.push({ state: "refused", code: "room", reason: "full", retryAfterMs: 1 });
  }
  const words = ["--rate", "50", "--seconds", "0.4", "--batch", "1", "--series", "1", "--json"];
  const result = JSON.parse((await at(one, "bench", ...words)).out);
  assertEquals([result.due, result.ok, result.refused, result.failed], [20, 15, 5, 0]);
  await push(one, candleLines(60));
  const read = await at(one, "bench", "--work", "labels", "--rate", "20", "--seconds", "0.5");
  assertEquals(read.code, 0, read.err);
  assertMatch(read.out, /^labels: 10 requests due/);
  const health = await at(one, "bench", "--work", "health", "--rate", "20", "--seconds", "0.5");
  assertMatch(health.out, /^health: 10 requests due in 0\.5 s, 10 answered\n/);
});

Deno.test("wick bench without a service exits with 1 and says why nothing was answered", async () => {
  const words = ["bench", "--rate", "10", "--seconds", "0.2", "--url", "http://127.0.0.1:1"];
  const { code, out } = await run(words);
  assertEquals(code, 1);
  assertMatch(out, /2 failed \(Cannot reach the service at http:\/\/127\.0\.0\.1:1/);
  assertMatch(out, /no latency: nothing was answered/);
});

Deno.test("wick status as a process finds no service and exits with 69 or says what it may not", async () => {
  const { code, err } = await wick(["status", "--url", "http://127.0.0.1:1"]);
  assertEquals(code, 69);
  assertMatch(err, /^wick status: Cannot reach the service at http:\/\/127\.0\.0\.1:1: /);
});
