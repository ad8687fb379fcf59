/** Webhooks of the configuration: what is refused, where secrets come from, and kills in between. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { CONFIG_DEFAULTS } from "../../src/cli/settings.ts";
import { configSchema } from "../../src/cli/config_schema.ts";
import { UsageError } from "../../src/cli/exit_code.ts";
import { webhooksOf } from "../../src/cli/serve_webhooks.ts";
import { Receiver, SECRET, take } from "../http/webhook/receiver.ts";
import { calmWalkOf } from "../actors/support.ts";
import { envOf, fakeIo, inFolder, run } from "./support.ts";
import { serve, served, type Serving } from "./serving.ts";

const SEED = Number(Deno.env.get("WICK_SEED") ?? Math.floor(Math.random() * 2 ** 31));
console.log(`webhook_test seed ${SEED} (WICK_SEED=${SEED} repeats it)`);

const HOOK = { name: "desk", url: "http://127.0.0.1:8099/labels" };

function worldOf(variables: Readonly<Record<string, string>>, files: Record<string, string> = {}) {
  return fakeIo({
    ...envOf(variables),
    readText: (path) =>
      files[path] === undefined
        ? Promise.reject(new Deno.errors.NotFound(path))
        : Promise.resolve(files[path] ?? ""),
  });
}

function configOf(...webhooks: unknown[]) {
  return configSchema.parse({ ...CONFIG_DEFAULTS, webhooks });
}

Deno.test("webhooksOf() reads secrets from files and the environment", async () => {
  const config = configOf(
    { ...HOOK, secretFile: "key", series: ["EUR_USD:H1"] },
    { ...HOOK, name: "other", secretEnv: "OTHER_SECRET", after: 0 },
  );
  const io = worldOf({ OTHER_SECRET: "other-secret-0123456789\n" }, { key: `${SECRET}\n` });
  assertEquals(await webhooksOf(config, io), [
    { ...HOOK, secret: SECRET, series: ["EUR_USD:H1"], after: null },
    { ...HOOK, name: "other", secret: "other-secret-0123456789", series: null, after: 0 },
  ]);
});

Deno.test("webhooksOf() refuses secrets that are missing or short, and does not show them", async () => {
  const cases: [Record<string, string>, Record<string, string>, unknown, RegExp][] = [
    [{}, {}, { ...HOOK, secretFile: "key" }, /the secret in key: there is no such file/],
    [{}, { key: "short-one" }, { ...HOOK, secretFile: "key" }, /webhook desk: .*16 .* in key/],
    [{}, {}, { ...HOOK, secretEnv: "NONE" }, /in environment NONE: current value has 0/],
    [{ A: "short-one" }, {}, { ...HOOK, secretEnv: "A" }, /environment A: current value has 9/],
  ];
  for (const [variables, files, hook, message] of cases) {
    const error = await assertRejects(
      () => webhooksOf(configOf(hook), worldOf(variables, files)),
      UsageError,
    );
    assertMatch(error.message, message);
    assert(!error.message.includes("short-one"));
  }
});

Deno.test("webhooks that cannot be are refused with the configuration", () => {
  const hook = { ...HOOK, secretEnv: "A" };
  const wrong: unknown[][] = [
    [{ ...HOOK }],
    [{ ...hook, secretFile: "key" }],
    [{ ...hook, secret: SECRET }],
    [{ ...hook, url: "ftp://a" }],
    [{ ...hook, url: "http://user:password@a/" }],
    [{ ...hook, name: "a/b" }],
    [{ ...hook, series: [] }],
    [{ ...hook, series: ["EUR_USD"] }],
    [{ ...hook, after: -1 }],
    [hook, hook],
    Array.from({ length: 17 }, (_, i) => ({ ...hook, name: `n${i}` })),
  ];
  for (const webhooks of wrong) {
    const { success } = configSchema.safeParse({ ...CONFIG_DEFAULTS, webhooks });
    assert(!success, JSON.stringify(webhooks));
  }
});

Deno.test("wick config shows webhooks without what their URLs may hide", async () => {
  const file = { webhooks: [{ ...HOOK, url: `${HOOK.url}?key=hidden-key`, secretEnv: "A" }] };
  const readText = (path: string) =>
    path === "wick.json"
      ? Promise.resolve(JSON.stringify(file))
      : Promise.reject(new Deno.errors.NotFound(path));
  for (const words of [["config"], ["config", "--json"]]) {
    const { code, out } = await run(words, {}, { readText });
    assertEquals(code, 0);
    assert(out.includes(HOOK.url) && !out.includes("hidden-key"), out);
  }
});

// ---- as a process -----------------------------------------------------------------------------------

const S = "EUR_USD:M1";
const WALK = calmWalkOf(SEED, S, 400);

async function push(service: Serving, from: number, to: number): Promise<void> {
  const lines = Array.from({ length: to - from }, (_, i) => {
    const at = from + i;
    return JSON.stringify({
      series: S,
      ts: WALK.ts[at],
      open: WALK.open[at],
      high: WALK.high[at],
      low: WALK.low[at],
      close: WALK.close[at],
      volume: WALK.volume[at],
    });
  });
  const answer = await service.post("/api/candles", lines);
  assertEquals(answer.status, 200, await answer.text());
}

/** The label log so far, as `SEQ-ROW`. */
async function logged(service: Serving): Promise<string[]> {
  const answer = await service.get("/api/labels/stream?after=0");
  assert(answer.ok && answer.body !== null);
  const { seq } = await service.json<{ seq: number }>("/api/health");
  const rows: string[] = [];
  let rest = "";
  for await (const text of answer.body.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    const lines = parts.map((part) => JSON.parse(part));
    for (const line of lines) if (line.type === "label") rows.push(`${line.seq}-${line.row}`);
    // Its last commit is sent as one piece.
    if (rest === "" && lines.at(-1)?.seq >= seq) break;
  }
  return rows;
}

interface Page {
  readonly webhooks: {
    readonly name: string;
    readonly status: { readonly state: string; readonly after: string; readonly rows: number };
  }[];
}

Deno.test("serve that is killed between deliveries misses no label, and repeats one batch at most", () =>
  inFolder(async (folder) => {
    await using receiver = await Receiver.start();
    await Deno.writeTextFile(`${folder}/key`, `${SECRET}\n`);
    const hook = { name: "desk", url: receiver.url, secretFile: `${folder}/key`, after: 0 };
    await Deno.writeTextFile(`${folder}/wick.json`, JSON.stringify({ webhooks: [hook] }));
    const words = ["--config", `${folder}/wick.json`];
    const options = { folder, words, net: [`127.0.0.1:${receiver.port}`] };
    for (let round = 0; round < 3; round++) {
      await using service = await served(options);
      let at = round * 100;
      await push(service, at, at += 50);
      await receiver.until(() => receiver.taken.length > 0);
      // Killed while a delivery is answered, or right after it.
      let left = 2 + round;
      receiver.answer = (response, delivery) => {
        if (--left > 0 || round > 0) return take(response, delivery);
      };
      while (left > 0) {
        const before = receiver.deliveries.length;
        await push(service, at, at += 10);
        await receiver.until(() => receiver.deliveries.length > before);
      }
      await service.end("SIGKILL");
      receiver.answer = take;
    }
    receiver.answer = take;
    await using service = await served(options);
    await push(service, 300, 330);
    const rows = await logged(service);
    await receiver.until(() => new Set(receiver.taken).size >= rows.length);
    assertEquals([...new Set(receiver.taken)], rows);
    assertRepeatsOneBatch(receiver);
    assert(receiver.deliveries.every(({ isSigned }) => isSigned));
    const { webhooks } = await service.json<Page>("/api/webhooks");
    const [one] = webhooks;
    assertEquals([one?.name, one?.status.after.split("-")[0]], [
      "desk",
      rows.at(-1)?.split("-")[0],
    ]);
    assertEquals(await service.end("SIGTERM"), 0);
    const said = service.text.err + JSON.stringify(webhooks);
    assert(!said.includes(SECRET));
  }));

/** What comes again begins where the last delivery before it began. */
function assertRepeatsOneBatch(receiver: Receiver): void {
  const seen = new Set<string>();
  for (const [i, { rows }] of receiver.deliveries.entries()) {
    const first = rows[0] ?? "";
    if (seen.has(first)) assertEquals(first, receiver.deliveries[i - 1]?.rows[0]);
    for (const row of rows) seen.add(row);
  }
}

Deno.test("serve refuses a webhook without its secret, and says when it may not connect", () =>
  inFolder(async (folder) => {
    const write = (hook: unknown) =>
      Deno.writeTextFile(`${folder}/wick.json`, JSON.stringify({ webhooks: [hook] }));
    const words = ["--config", `${folder}/wick.json`];
    await write({ ...HOOK, secretFile: `${folder}/key` });
    await using wrong = serve({ folder, words });
    assertEquals(await wrong.code(), 2);
    assertMatch(
      wrong.text.err,
      /^wick: Cannot read the secret in .*key: there is no such file|^wick serve: Cannot read the secret/m,
    );
    await Deno.writeTextFile(`${folder}/key`, SECRET);
    await write({ ...HOOK, secretFile: `${folder}/key`, after: 0 });
    await using service = await served({ folder, words });
    await push(service, 0, 100);
    await service.until("err", "a batch waits");
    const { webhooks } = await service.json<{ webhooks: { status: unknown }[] }>("/api/webhooks");
    assertMatch(JSON.stringify(webhooks[0]?.status), /"code":"permission"/);
    assertEquals(await service.end("SIGTERM"), 0);
  }));
