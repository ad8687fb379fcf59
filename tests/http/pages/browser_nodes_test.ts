/** The view of the nodes in Chromium: two real ones on a real Redis, one of which is killed. */

import { assert, assertEquals, assertGreater, assertMatch } from "@std/assert";
import axe from "axe-core";
import { join } from "node:path";
import { allOf } from "../../support/all_of.ts";
import { RedisServer } from "../../support/redis.ts";
import { serviceOrSkip } from "../../support/services.ts";
import { start } from "../../cli/support.ts";
import { TOKENS } from "./board.ts";
import { Visit, visiting } from "./visit.ts";

const chromium = serviceOrSkip("chromium");
const several = { ignore: chromium.ignore || serviceOrSkip("redis").ignore };

/** Longest wait for nodes to start, join and take over, ms. */
const GROUP_MS = 45_000;

/** A node as a process of its own. */
class NodeProcess implements AsyncDisposable {
  readonly url: string;
  #child: Deno.ChildProcess | null;

  constructor(name: string, redis: string, folder: string, ...more: string[]) {
    const port = freePort();
    this.url = `http://127.0.0.1:${port}`;
    const words = ["serve", "--port", String(port), "--data", join(folder, name), "--no-tune"];
    const env = { WICK_TOKEN: TOKENS.act, WICK_READ_TOKEN: TOKENS.read };
    this.#child = start([...words, "--redis", redis, "--node-name", name, ...more], { env });
    // Nobody reads them: they must not fill.
    this.#child.stdout.cancel();
    this.#child.stderr.cancel();
  }

  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null) return;
    child.kill("SIGKILL");
    await child.status;
  }

  async ask(path: string): Promise<Response> {
    const headers = { authorization: `Bearer ${TOKENS.read}` };
    return await fetch(`${this.url}${path}`, { headers });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** Two nodes that share the partitions, `a` with a feed. */
async function withNodes(
  test: (a: NodeProcess, b: NodeProcess, redis: RedisServer) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "wick-nodes-" });
  try {
    await using redis = await RedisServer.start();
    await using a = new NodeProcess("node-a", redis.url, folder, "--feed", "synthetic");
    await using b = new NodeProcess("node-b", redis.url, folder, "--node-region", "eu");
    const endMs = performance.now() + GROUP_MS;
    for (;;) {
      const shares = await sharesOf(a);
      if (shares.join() === "128,128") break;
      assert(performance.now() < endMs, `the nodes do not share: ${shares.join()}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await test(a, b, redis);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function sharesOf(node: NodeProcess): Promise<number[]> {
  try {
    const answer = await node.ask("/api/nodes");
    const { nodes }: { nodes?: { partitions: number }[] } = await answer.json();
    return nodes?.map(({ partitions }) => partitions) ?? [];
  } catch {
    return [];
  }
}

/** The numbers of the partitions on the map by the letter of their owner. */
const LETTERS = `Object.fromEntries(Object.entries(Object.groupBy(
  document.querySelectorAll(".partition-map .cell"), (cell) => cell.textContent,
)).map(([letter, cells]) => [letter, cells.length]))`;

Deno.test("two nodes in the browser", several, async (t) => {
  // They take a while to start and to share: one pair for all.
  await withNodes(async (a, b, redis) => {
    await t.step(
      "actors of another node are seen; who may not act sees no button to act; nothing is out of reach",
      // Side by side, and each to its end.
      () => allOf([showsTheOther(a, TOKENS.act, true), showsTheOther(a, TOKENS.read, false)]),
    );
    await t.step(
      "both share the map; one is killed, then Redis hangs: the page says who has what",
      () => showsOwners(a, b, redis),
    );
  });
});

async function showsOwners(a: NodeProcess, b: NodeProcess, redis: RedisServer): Promise<void> {
  await using visit = await Visit.of(a);
  const { page } = visit;
  // Who asks a node that is gone is told so; the browser says it in the console.
  visit.isExpected = (fault) => /40[34]|503|answer of/.test(fault);
  await page.goto(`${a.url}/#/nodes`);
  const rows = page.locator("#view section", { hasText: "All nodes" }).locator("tbody tr");
  await rows.nth(1).waitFor();
  assertEquals(await page.locator("h1").innerText(), "Nodes");
  assertMatch(await rows.nth(0).innerText(), /node-a\s+this node[\s\S]+live[\s\S]+128/);
  assertMatch(await rows.nth(1).innerText(), /node-b[\s\S]+live[\s\S]+eu[\s\S]+128/);
  assertEquals(await page.evaluate(LETTERS), { A: 128, B: 128 });
  const map = page.locator(".partition-map");
  assertEquals(
    await map.getAttribute("aria-label"),
    "Map of the partitions by owner. node-a has 128, node-b 128 of 256 partitions; " +
      "each has an owner.",
  );
  // The same without the map.
  await page.locator("summary", { hasText: "All partitions as a table" }).click();
  const all = page.locator("details tbody tr");
  await visit.until("all are in the table", async () => await all.count() === 256);
  await page.locator("details input[type=search]").fill("node-b");
  await visit.until("those of one node are", async () => await all.count() === 128);

  await b.kill();
  await page.locator("tr[data-key=node-b] [data-state=lost]").waitFor();
  await visit.until(
    "all are taken over",
    async () => JSON.stringify(await page.evaluate(LETTERS)) === `{"A":256}`,
  );
  const moves = page.locator("#view section", { hasText: "Moves" }).locator("tbody tr");
  assertMatch(
    await moves.first().innerText(),
    /lease ran out\s+node-b\s+node-a\s+128/,
  );
  assertMatch(await page.locator("[data-figure=Nodes]").innerText(), /1\s+live, 1 lost/);

  redis.signal("SIGSTOP");
  const trouble = page.locator(".node-trouble", { hasText: "has not reached the group" });
  await trouble.waitFor();
  await page.locator("tr[data-key=node-a] [data-state='out of reach']").waitFor();
  // It goes on saying so, instead of nothing.
  const said = await trouble.innerText();
  await visit.until("time passes", async () => await trouble.innerText() !== said);
  assertEquals(await page.locator("#trouble").innerText(), "");
  redis.signal("SIGCONT");
  await trouble.waitFor({ state: "detached" });
  await page.locator("tr[data-key=node-a] [data-state=live]").waitFor();
  await visit.assertClean();
}

async function showsTheOther(a: NodeProcess, token: string, mayAct: boolean): Promise<void> {
  await using visit = await Visit.of(a, { token, reducedMotion: "reduce" });
  const { page } = visit;
  await page.goto(`${a.url}/#/nodes`);
  await page.locator("tr[data-key=node-b] .row-link").click();
  const panel = page.locator(".node-panel");
  await panel.locator(".tree li[data-path='/wick/core/store']").waitFor();
  assertEquals(await page.locator(":focus").innerText(), "Actors of node-b");
  await panel.locator("li[data-path='/wick/core/store'] > .tree-row .row-link").click();
  await panel.locator(".message-about").waitFor();
  assertMatch(page.url(), /node=node-b&path=%2Fwick%2Fcore%2Fstore/);
  const acts = panel.locator(".detail-acts button");
  assertEquals(await acts.allInnerTexts(), mayAct ? ["Restart", "Stop"] : []);
  await page.locator("summary", { hasText: "All partitions as a table" }).click();

  await page.evaluate(axe.source);
  const found: string[] = [];
  for (const [width, colorScheme] of [[1_280, "light"], [320, "dark"]] as const) {
    await page.setViewportSize({ width, height: 900 });
    await page.emulateMedia({ colorScheme });
    found.push(...await visit.inside<string[]>("axe()"));
    found.push(...await visit.inside<string[]>("cutOff()"));
    found.push(...await visit.inside<string[]>("tooSmall()"));
    const { px, out } = await visit.inside<{ px: number; out: string[] }>("tooWide()");
    if (px > 0 || out.length > 0) found.push(`${px} px: ${out.join("; ")}`);
  }
  assertEquals(found, []);
  await page.setViewportSize({ width: 1_280, height: 900 });

  // What is chosen, and where one reads, outlives the frames.
  await panel.locator("li[data-path='/wick/core/store'] > .tree-row .row-link").focus();
  const before = await page.locator("[data-figure='Log position']").innerText();
  await visit.until(
    "a frame came",
    async () => await page.locator("[data-figure='Log position']").innerText() !== before,
  );
  assertEquals(await page.locator(":focus").innerText(), "store");
  await panel.locator("[aria-label='Close the detail']").click();
  await panel.locator("[aria-label='Close the actors of node-b']").click();
  assertMatch(await page.locator(":focus").innerText(), /node-b/);
  assertEquals(await panel.count(), 0);
  await visit.assertClean();
}

Deno.test(
  "one process says so in a sentence, and what would make it several",
  chromium,
  async () => {
    await visiting({}, async (visit, page) => {
      await visit.open("nodes");
      const text = await visit.text();
      assertMatch(text, /This process does all the work by itself/);
      assertMatch(text, /--redis URL/);
      assertEquals(await page.locator("#view table").filter({ visible: true }).count(), 0);
      assertGreater(text.length, 100);
      // Nobody is asked for a node that there is not.
      await visit.open("actors");
      await page.keyboard.press("g");
      await page.keyboard.press("n");
      await visit.filled("nodes");
    });
  },
);
