/** From the configuration, and modules of scorers, to the refreshing of the service. */

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertMatch,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ROOT } from "../../scripts/support/root.ts";
import { type Clock, systemClock, VirtualClock } from "../../src/actor/clock.ts";
import { configSchema } from "../../src/cli/config_schema.ts";
import { UsageError } from "../../src/cli/exit_code.ts";
import { SCORER_LOAD_MAX_MS, scorersOf } from "../../src/cli/scorer_module.ts";
import { refreshOf } from "../../src/cli/serve_refresh.ts";
import { Aggregator } from "../../src/refresh/aggregator.ts";
import { CorrelationStream } from "../../src/refresh/correlation_stream.ts";
import { Edges } from "../../src/refresh/edges.ts";
import { RefreshError } from "../../src/refresh/error.ts";
import { SCORER_KINDS_MAX } from "../../src/refresh/scorer.ts";
import { builtInScorers } from "../../src/refresh/scorer_built_in.ts";
import { inFolder, linesOf } from "./support.ts";

const KELLY = `${ROOT}tests/cli/scorers/kelly.ts`;

const of = (settings: Record<string, unknown>) =>
  refreshOf(configSchema.parse(settings), builtInScorers());

// ---- settings -----------------------------------------------------------------------------------

Deno.test("refreshOf() without settings is as the specification has it", () => {
  const spec = of({});
  assertEquals(spec?.aggregator?.clusters, { threshold: 0.4, linkage: "single" });
  assertEquals(spec?.aggregator?.impact, { threshold: 0.3, rearmBelow: 0.15 });
  assertEquals(spec?.aggregator?.blocks, { membersMin: 5 });
  assertEquals(spec?.aggregator?.stream, { memoryBars: 250, returnsMin: 250 });
  assertEquals(spec?.runs, { minChangedEdges: 1, epsilon: 0.001 });
  assertEquals([spec?.followsPrices, spec?.tickMs, spec?.baskets], [true, 50, { size: 3 }]);
  assertEquals(spec?.scorers?.list().map(({ name }) => name), ["product", "mean_variance"]);
});

Deno.test("refreshOf() takes every setting to its part", () => {
  const spec = of({
    refreshBaskets: 2,
    refreshMinChangedEdges: 7,
    refreshScoreDelta: 0,
    refreshTickMs: 5,
    refreshClusterThreshold: 0.6,
    refreshLinkage: "average",
    refreshMemoryBars: 1_000,
    refreshImpactThreshold: 0.1,
    refreshBlockMembersMin: 9,
  });
  assertEquals(spec?.aggregator?.clusters, { threshold: 0.6, linkage: "average" });
  assertEquals(spec?.aggregator?.impact, { threshold: 0.1, rearmBelow: 0.05 });
  assertEquals(spec?.aggregator?.blocks, { membersMin: 9 });
  assertEquals(spec?.aggregator?.stream, { memoryBars: 1_000, returnsMin: 250 });
  assertEquals(spec?.runs, { minChangedEdges: 7, epsilon: 0 });
  assertEquals([spec?.tickMs, spec?.baskets], [5, { size: 2 }]);
});

Deno.test("refreshOf() is null where it is off, without baskets where there can be none", () => {
  assertEquals(of({ refreshEnabled: false }), null);
  assertEquals(of({ refreshBaskets: 0 })?.baskets, null);
  const alone = of({ refreshFollowsPrices: false });
  assertEquals([alone?.followsPrices, alone?.aggregator?.stream, alone?.baskets], [
    false,
    null,
    null,
  ]);
});

Deno.test("refreshOf() of any settings that the schema takes makes an aggregator", () => {
  const bounds: Record<string, unknown>[] = [
    { refreshImpactThreshold: 1e-9, refreshClusterThreshold: 0, refreshBlockMembersMin: 1 },
    { refreshImpactThreshold: 1_000, refreshClusterThreshold: 1, refreshBlockMembersMin: 10_000 },
    { refreshLinkage: "complete", refreshMemoryBars: 10 },
    { refreshLinkage: "average", refreshMemoryBars: 1_000_000 },
  ];
  for (const settings of bounds) {
    const { aggregator = {} } = of(settings) ?? {};
    new Aggregator(aggregator);
    const { stream } = aggregator;
    assert(stream !== null && stream !== undefined);
    // It can come to know something: the weight of so many returns can be reached.
    assert((stream.returnsMin ?? 0) <= (stream.memoryBars ?? 0), JSON.stringify(settings));
    new CorrelationStream(stream);
  }
});

Deno.test("refreshOf() refuses what no aggregator takes", () => {
  assertThrows(
    () => of({ refreshImpactThreshold: Number.MIN_VALUE }),
    UsageError,
    "Cannot set threshold: expected 2.220446049250313e-16",
  );
});

// ---- modules ------------------------------------------------------------------------------------

/** Loads modules with these texts, and says what is wrong; null = nothing. */
async function refusal(text: string | readonly string[]): Promise<string | null> {
  let message: string | null = null;
  await inFolder(async (folder) => {
    const texts = typeof text === "string" ? [text] : text;
    const paths = texts.map((_, i) => join(folder, `scorer${i}.ts`));
    for (const [i, path] of paths.entries()) await Deno.writeTextFile(path, texts[i] ?? "");
    await scorersOf(paths, systemClock).catch((error) => {
      if (!(error instanceof UsageError)) throw error;
      message = error.message.replaceAll(pathToFileURL(folder).href, "").replaceAll(folder, "");
    });
  });
  return message;
}

const kind = (name: string) => `{ name: "${name}", description: "one", create() {} }`;

Deno.test("scorersOf() registers a module's scorer after the built-in ones", async () => {
  const registry = await scorersOf([KELLY], systemClock);
  assertEquals(registry.list().map(({ name }) => name), ["product", "mean_variance", "kelly"]);
  const scorer = registry.create("kelly", { odds: 3 }, new Edges());
  // p = 0.8 · 0.75 = 0.6 at 3:1: f = 0.6 − 0.4/3 = 7/15; 0.6·ln 2.4 + 0.4·ln(8/15).
  const score = scorer.score(Float64Array.of(0, 0.8, 0.75), Uint32Array.of(1, 2), 0, 2);
  assertAlmostEquals(score, 0.6 * Math.log(2.4) + 0.4 * Math.log(8 / 15), 1e-12);
  assertEquals(scorer.score(Float64Array.of(0.2), Uint32Array.of(0), 0, 1), 0);
});

Deno.test("scorersOf() takes lists, in their order, and paths from the working folder", async () => {
  const before = Deno.cwd();
  await inFolder(async (folder) => {
    await Deno.writeTextFile(join(folder, "b.js"), `export default [${kind("x")}, ${kind("a")}];`);
    await Deno.writeTextFile(
      join(folder, "c.ts"),
      `const n: number = 1; export default ${kind("c")};`,
    );
    try {
      Deno.chdir(folder);
      const registry = await scorersOf(["b.js", "./c.ts"], systemClock);
      assertEquals(registry.list().map(({ name }) => name).slice(2), ["x", "a", "c"]);
    } finally {
      Deno.chdir(before);
    }
  });
  assertEquals((await scorersOf([], systemClock)).list().length, 2);
});

Deno.test("scorersOf() says which file is not there, and which is none", async () => {
  await assertRejects(
    () => scorersOf(["no/such.ts"], systemClock),
    UsageError,
    "Cannot load the scorers of no/such.ts: there is no such file",
  );
  await inFolder(async (folder) => {
    await assertRejects(() => scorersOf([folder], systemClock), UsageError, "expected a file");
  });
});

Deno.test("scorersOf() says what does not compile, load, or is not there to import", async () => {
  assertMatch(
    await refusal("export default {") ?? "",
    /^Cannot load the scorers of \/scorer0\.ts: expected a module that compiles: Unexpected .*:1:/,
  );
  assertMatch(
    await refusal('import "./nope.ts"; export default 1;') ?? "",
    /expected a module whose imports are there: .*nope\.ts/,
  );
  assertEquals(
    await refusal('throw new Error("boom\\n\\u001b[38;5;245mred\\u001b[0m");'),
    "Cannot load the scorers of /scorer0.ts: expected a module that loads: it throws boom red",
  );
  assertEquals(
    await refusal("throw undefined;"),
    "Cannot load the scorers of /scorer0.ts: expected a module that loads: it throws undefined",
  );
});

Deno.test("scorersOf() says which part of a module's export is not what it should be", async () => {
  const cases: [string, string][] = [
    ["export const x = 1;", "expected a scorer kind as its default export: current value is none"],
    ["export default [];", "expected at least one scorer kind: current value is []"],
    ["export default 5;", "expected a scorer kind as default: current value is number"],
    ["export default null;", "expected a scorer kind as default: current value is null"],
    ["export default () => {};", "expected a scorer kind as default: current value is function"],
    ["export default {};", "expected a name as default.name: current value is undefined"],
    [
      'export default { name: "a" };',
      "expected a text of at most 1000 characters as default.description: " +
      "current value is undefined",
    ],
    [
      `export default [${kind("a")}, { name: "b", description: "", create: "c" }];`,
      'expected a function as default[1].create: current value is "c"',
    ],
  ];
  for (const [text, expected] of cases) {
    assertEquals(await refusal(text), `Cannot load the scorers of /scorer0.ts: ${expected}`, text);
  }
});

Deno.test("scorersOf() says which name is taken, or is none", async () => {
  assertEquals(
    await refusal(`export default ${kind("product")};`),
    `Cannot register a scorer: expected a new name and at most ${SCORER_KINDS_MAX}: ` +
      'current value is "product" beside 2 (/scorer0.ts)',
  );
  assertMatch(
    await refusal([`export default ${kind("a")};`, `export default ${kind("a")};`]) ?? "",
    /expected a new name .* "a" beside 3 \(\/scorer1\.ts\)$/,
  );
  assertMatch(
    await refusal(`export default ${kind("My Scorer")};`) ?? "",
    /expected a name of a-z, 0-9 and _: current value is "My Scorer" \(\/scorer0\.ts\)$/,
  );
});

Deno.test("scorersOf() does not wait for a module that never loads", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "slow.ts");
    const text =
      "await new Promise((done) => globalThis.addEventListener('go', done, { once: true }));";
    await Deno.writeTextFile(path, `${text}\nexport default ${kind("slow")};`);
    const armed = Promise.withResolvers<readonly [ms: number, fire: () => void]>();
    const clock: Clock = Object.assign(new VirtualClock(), {
      setTimer(ms: number, fire: () => void) {
        armed.resolve([ms, fire]);
        return () => {};
      },
    });
    const loaded = assertRejects(() => scorersOf([path], clock), UsageError);
    const [ms, fire] = await armed.promise;
    assertEquals(ms, SCORER_LOAD_MAX_MS);
    fire();
    assertMatch((await loaded).message, /slow\.ts: expected it to load within 30000 ms$/);
    dispatchEvent(new Event("go"));
  });
});

Deno.test("a scorer of a module that throws or is none is refused with code scorer", async () => {
  const registry = await scorersOf([KELLY], systemClock);
  const make = (name: string, params: unknown) => () => registry.create(name, params, new Edges());
  for (const params of [{}, { odds: -1 }, null]) {
    const error = assertThrows(make("kelly", params), RefreshError);
    assertEquals(error.code, "scorer");
    assertMatch(error.message, /^Cannot make a scorer kelly: expected parameters that it takes: /);
  }
  const made: [string, RegExp][] = [
    ["undefined", /expected an object from create: current value is undefined$/],
    ["{}", /expected a text as name: current value is undefined$/],
    ['{ name: "x" }', /expected a function as score: current value is undefined$/],
    ['{ name: "x", score() {}, forget: 1 }', /expected a function as forget, or none: .* number$/],
    ['{ name: "x", score() {}, bound: 1 }', /expected an object as bound, or none: .* number$/],
    [
      '{ name: "x", score() {}, bound: { kind: "sum" } }',
      /factor or addend as bound\.kind: .*sum"$/,
    ],
    ['{ name: "x", score() {}, bound: { kind: "factor" } }', /a function as bound\.lift: /],
  ];
  await inFolder(async (folder) => {
    const path = join(folder, "many.ts");
    const kinds = made.map(([value], i) =>
      `{ name: "k${i}", description: "", create: () => (${value}) }`
    );
    await Deno.writeTextFile(path, `export default [${kinds.join(", ")}];`);
    const many = await scorersOf([path], systemClock);
    for (const [i, [, message]] of made.entries()) {
      const error = assertThrows(() => many.create(`k${i}`, null, new Edges()), RefreshError);
      assertMatch(error.message, message);
    }
  });
});

// ---- permissions --------------------------------------------------------------------------------

/** What a process with this permission set of deno.json makes of modules. */
async function loadedAs(set: string, paths: readonly string[]): Promise<readonly string[]> {
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--quiet", "--no-lock", "--no-check", "--no-prompt", `-P=${set}`],
      ...["--config", `${ROOT}deno.json`, `${ROOT}tests/cli/scorers/load.ts`, ...paths],
    ],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  assertEquals(text.decode(stderr), "");
  return linesOf(text.decode(stdout));
}

Deno.test("a module is loaded with the permission to read it, and no other", () =>
  inFolder(async (folder) => {
    const outside = join(folder, "outside.ts");
    await Deno.writeTextFile(outside, `export default ${kind("outside")};`);
    assertEquals(await loadedAs("wick", [KELLY, outside]), ["kelly", "outside"]);
    // What `deno task serve` may read is the folder that it is started in.
    const [inside, refused] = await loadedAs("serve", ["tests/cli/scorers/kelly.ts", outside]);
    assertEquals(inside, "kelly");
    assertEquals(
      refused,
      `Cannot load the scorers of ${outside}: this process has no permission to read it`,
    );
  }));
