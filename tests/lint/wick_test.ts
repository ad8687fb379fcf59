import plugin from "../../scripts/lint/wick.ts";
import { ROOT } from "../../scripts/support/root.ts";
import { LINES_MAX } from "../../scripts/lint/function_length.ts";
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";

type RuleName = "import-direction" | "banned-globals" | "function-length";

function messages(rule: RuleName, file: string, source: string): string[] {
  return Deno.lint.runPlugin(plugin, file, source)
    .filter(({ id }) => id === `wick/${rule}`)
    .map(({ message }) => message);
}

const PURE = ["market", "label", "cache", "warm", "refresh", "batch", "monitor"];
const IMPURE = ["actor", "provider", "feed", "store", "http", "cli"];
const ABOVE_MARKET = ["label", "cache", "batch", "monitor"];
const TOP = ["warm", "refresh"];

/** From a file, what it may import and what it may not. */
interface Row {
  readonly may?: readonly string[];
  readonly mayNot?: readonly string[];
}

const folderFiles = (folders: readonly string[], up: string) =>
  folders.map((folder) => `${up}${folder}/x.ts`);

const FROM_SRC: Record<string, Row> = {};
for (const folder of PURE) {
  const below = folder === "market" ? [] : TOP.includes(folder) ? ["market", ...ABOVE_MARKET] : [
    "market",
  ];
  const mine = [folder, ...below];
  FROM_SRC[`src/${folder}/a.ts`] = {
    may: [
      "./b.ts",
      ...folderFiles(mine, "../"),
      "../actor/clock.ts",
      "../monitor/histogram.ts",
      "@std/assert",
      "../std/assert.ts",
    ],
    mayNot: [
      ...folderFiles(PURE.filter((name) => !mine.includes(name)), "../"),
      ...folderFiles(IMPURE, "../"),
      "../actor/system.ts",
      "../../actors/protocols.ts",
      "../../actors/store.ts",
      "../../mod.ts",
      "../../tests/support/services.ts",
      "../../../shared/x.ts",
      "@std/async",
      "zod",
      "npm:zod@4.6.7",
      "ioredis",
      "lru-cache",
    ],
  };
}
for (const folder of IMPURE) {
  FROM_SRC[`src/${folder}/a.ts`] = {
    may: ["./b.ts", ...folderFiles([...PURE, ...IMPURE], "../"), "@std/async", "node:fs"],
    mayNot: [
      "../../actors/tree.ts",
      "../../actors/protocols.ts",
      "../../actors/store.ts",
      "../../actors/threads/store.ts",
      "../../mod.ts",
      "../../tests/x.ts",
      "../../bench/x.ts",
      "../../scripts/check.ts",
      "../../../shared/x.ts",
    ],
  };
}

const DIRECTION: Record<string, Row> = {
  ...FROM_SRC,
  "src/actor/deep/a.ts": { may: ["../clock.ts"], mayNot: ["../../../actors/store.ts"] },
  "src/cache/deep/a.ts": { may: ["../arena.ts"], mayNot: ["../../label/x.ts"] },
  "mod.ts": {
    may: ["./actors/tree.ts", "./actors/protocols.ts", "./src/cli/x.ts", "./src/http/x.ts"],
    mayNot: ["./tests/x.ts", "./bench/x.ts", "./scripts/x.ts", "../shared/x.ts", "zod"],
  },
  "actors/warmer.ts": {
    may: ["./protocols.ts", ...folderFiles([...PURE, ...IMPURE], "../src/"), "croner"],
    mayNot: [
      "./store.ts",
      "./tree.ts",
      "./threads/store.ts",
      "../mod.ts",
      "../tests/x.ts",
      "../bench/x.ts",
      "../scripts/x.ts",
      "zod",
    ],
  },
  "actors/protocols.ts": {
    may: ["../src/actor/protocol.ts", "../src/market/block.ts", "zod"],
    mayNot: ["./store.ts", "./tree.ts", "../mod.ts", "../tests/x.ts"],
  },
  "actors/tree.ts": {
    may: ["./store.ts", "./protocols.ts", "./threads/store.ts", "../src/actor/system.ts"],
    mayNot: ["../mod.ts", "../scripts/x.ts", "zod"],
  },
  "actors/threads/label_worker.ts": {
    may: ["../label_worker.ts", "../protocols.ts", "../../src/actor/thread.ts", "croner"],
    mayNot: ["../../mod.ts", "../../tests/x.ts", "zod"],
  },
  "tests/cache/policy_test.ts": {
    may: ["../../src/cache/policy.ts", "../../actors/tree.ts", "../../scripts/check.ts", "hono"],
    mayNot: ["nact"],
  },
  "bench/runtime.ts": {
    may: ["../mod.ts", "../actors/store.ts", "../tests/support/x.ts", "../../shared/x.ts", "zod"],
    mayNot: ["fast-check"],
  },
  "scripts/simulate.ts": {
    may: ["../src/actor/simulator.ts", "../tests/support/x.ts", "../../shared/x.ts"],
    mayNot: ["fast-check", "xstate"],
  },
  "docs/example.ts": { may: ["../actors/store.ts", "../tests/x.ts", "nact", "anything"] },
};

const HOMES: Record<string, { at: string[]; notAt: string[] }> = {
  "zod": {
    at: ["actors/protocols.ts", ...folderFiles(IMPURE, "src/")],
    notAt: ["actors/store.ts", "actors/tree.ts", "mod.ts", ...folderFiles(PURE, "src/")],
  },
  "ioredis": {
    at: ["src/store/a.ts", "src/feed/a.ts"],
    notAt: ["src/provider/a.ts", "src/http/a.ts", "actors/store.ts", "mod.ts"],
  },
  "prom-client": { at: ["src/http/a.ts"], notAt: ["src/monitor/a.ts", "actors/monitor.ts"] },
  "cockatiel": { at: ["src/provider/a.ts"], notAt: ["src/http/a.ts", "actors/provider.ts"] },
  "hono": { at: ["src/http/a.ts"], notAt: ["src/cli/a.ts", "actors/admin.ts"] },
  "hono/streaming": { at: ["src/http/a.ts"], notAt: ["src/cli/a.ts"] },
  "@hono/node-server": { at: ["src/http/a.ts"], notAt: ["src/cli/a.ts", "actors/admin.ts"] },
  "@hono/zod-openapi": { at: ["src/http/a.ts"], notAt: ["src/actor/a.ts"] },
  "croner": { at: ["actors/refresh_coordinator.ts"], notAt: ["src/warm/a.ts", "src/actor/a.ts"] },
  "nact": { at: ["bench/rivals/nact.ts"], notAt: ["src/actor/a.ts", "tests/a.ts", "scripts/a.ts"] },
  "xstate": { at: ["bench/rivals/xstate.ts"], notAt: ["src/actor/a.ts", "tests/a.ts"] },
  "piscina": { at: ["bench/rivals/piscina.ts"], notAt: ["src/actor/a.ts", "tests/a.ts"] },
  "tinypool": { at: ["bench/rivals/tinypool.ts"], notAt: ["src/actor/a.ts", "tests/a.ts"] },
  "fast-check": { at: ["tests/cache/arena_test.ts"], notAt: ["src/cache/a.ts", "bench/a.ts"] },
};

for (const [from, { may = [], mayNot = [] }] of Object.entries(DIRECTION)) {
  Deno.test(`import-direction: what ${from} may import, and may not`, () => {
    for (const specifier of may) {
      const found = messages("import-direction", from, `import "${specifier}";`);
      assertEquals(found, [], `${from} → ${specifier}`);
    }
    for (const specifier of mayNot) {
      const found = messages("import-direction", from, `import "${specifier}";`);
      assertEquals(found.length, 1, `${from} → ${specifier}`);
      assertStringIncludes(found[0] ?? "", `Cannot import "${specifier}": `);
    }
  });
}

for (const [name, { at, notAt }] of Object.entries(HOMES)) {
  Deno.test(`import-direction: ${name} stays at home`, () => {
    for (const from of at) {
      assertEquals(messages("import-direction", from, `import "${name}";`), [], from);
    }
    for (const from of notAt) {
      assertMatch(messages("import-direction", from, `import "${name}";`)[0] ?? "", /at home/);
    }
  });
}

Deno.test("import-direction: every form of an import counts", () => {
  const forms = [
    `import { a } from "./store.ts";`,
    `import type { A } from "./store.ts";`,
    `export { a } from "./store.ts";`,
    `export type { A } from "./store.ts";`,
    `export * from "./store.ts";`,
    `await import("./store.ts");`,
    "await import(`./store.ts`);",
    `type A = import("./store.ts").A;`,
    `new URL("./store.ts", import.meta.url);`,
  ];
  for (const form of forms) {
    assertEquals(messages("import-direction", "actors/warmer.ts", form).length, 1, form);
  }
});

Deno.test("import-direction: what only looks like an import does not count", () => {
  const source = `
    const name = "./store.ts";
    await import(name);
    new URL("./store.ts", base);
    new URL("http://localhost/store.ts", import.meta.url);
    export const a = 1;
    // import "./store.ts";
  `;
  assertEquals(messages("import-direction", "actors/warmer.ts", source), []);
});

Deno.test("import-direction: an absolute file name counts below the root, and only there", () => {
  const source = `import "../label/x.ts";`;
  assertEquals(messages("import-direction", `${ROOT}src/cache/a.ts`, source).length, 1);
  assertEquals(messages("import-direction", "/elsewhere/src/cache/a.ts", source).length, 0);
});

// Each line asks the machine for time or chance.
const TIME_AND_CHANCE = [
  "Date.now();",
  "const now = Date.now;",
  `Date["now"]();`,
  "Date?.now();",
  "globalThis.Date.now();",
  "const { now } = Date;",
  "const D = Date;",
  "new Date();",
  "new Date;",
  "Date();",
  "Math.random();",
  "const { random } = Math;",
  "performance.now();",
  "Temporal.Now.instant();",
  "process.hrtime.bigint();",
  `import { performance } from "node:perf_hooks";`,
];

const IO = [
  "setTimeout(() => {}, 1);",
  "const later = setTimeout;",
  "globalThis.setTimeout(() => {}, 1);",
  "setInterval(() => {}, 1);",
  "setImmediate(() => {});",
  "queueMicrotask(() => {});",
  "AbortSignal.timeout(5);",
  `await fetch("http://a");`,
  "const load = { fetch };",
  "function load(get = fetch) { return get; }",
  `new WebSocket("ws://a");`,
  `new Worker("a");`,
  `Deno.readTextFileSync("a");`,
  "const { env } = Deno;",
  "Deno.env;",
  "crypto.randomUUID();",
  "crypto.getRandomValues(bytes);",
  "const { randomUUID } = crypto;",
  `console.log("a");`,
  "performance.mark('a');",
  "process.env;",
  `import { readFileSync } from "node:fs";`,
  `import { setTimeout } from "node:timers/promises";`,
  `import { randomUUID } from "node:crypto";`,
  `import * as crypto from "node:crypto";`,
  `import process from "node:process";`,
  `await import("node:fs");`,
];

const HARMLESS = [
  "new Date(5);",
  "new Date(2024, 1);",
  "Date.UTC(2024, 1);",
  "Date.parse(text);",
  "value instanceof Date;",
  "Math.max(1, 2);",
  "const { max } = Math;",
  "Temporal.Instant.from(text);",
  "clock.now();",
  "random.random();",
  "options.fetch();",
  "interface Port { fetch(key: string): void; setTimeout: (ms: number) => void }",
  "type Fetch = typeof fetch;",
  "type Later = (setTimeout: number) => void;",
  "const port = { fetch: 1, console: 2 };",
  "function load(fetch: () => void) { fetch(); }",
  "const load = ({ fetch, console: log }: Port) => fetch(log);",
  "function load([fetch = 1, ...process]: number[]) { return fetch + process.length; }",
  "class Cache { constructor(private fetch: () => void) {} fetch2 = 1; performance() {} }",
  "function f() { const process = 1; { return process; } }",
  "for (const performance of list) performance.now();",
  "try { a(); } catch (console) { console.log(1); }",
  `import { fetch } from "./port.ts"; fetch();`,
  "export function fetch() {} fetch();",
  "const Date = clock; Date.now();",
  `import { createHash, timingSafeEqual } from "node:crypto"; crypto.subtle;`,
  `import { deepStrictEqual } from "node:assert/strict";`,
  `import { isDeepStrictEqual } from "node:util";`,
  `import type { Worker } from "node:worker_threads";`,
  "// Date.now() and fetch() in a comment",
  `const text = "Date.now()";`,
];

for (const file of [...PURE.map((name) => `src/${name}/a.ts`), "src/monitor/histogram.ts"]) {
  Deno.test(`banned-globals: ${file} asks for no time, chance or I/O`, () => {
    for (const source of [...TIME_AND_CHANCE, ...IO]) {
      assertEquals(messages("banned-globals", file, source).length, 1, source);
    }
  });
}

for (const file of [...IMPURE.map((name) => `src/${name}/a.ts`), "actors/a.ts"]) {
  Deno.test(`banned-globals: ${file} asks for no time or chance, and may do I/O`, () => {
    for (const source of TIME_AND_CHANCE) {
      assertEquals(messages("banned-globals", file, source).length, 1, source);
    }
    for (const source of IO) assertEquals(messages("banned-globals", file, source), [], source);
  });
}

Deno.test("banned-globals: what only looks like a global passes", () => {
  for (const source of HARMLESS) {
    assertEquals(messages("banned-globals", "src/cache/a.ts", source), [], source);
    assertEquals(messages("banned-globals", "actors/a.ts", source), [], source);
  }
});

Deno.test("banned-globals: a name that is declared in another scope hides nothing", () => {
  const source = "function f() { const fetch = 1; return fetch; } fetch();";
  assertEquals(messages("banned-globals", "src/cache/a.ts", source).length, 1);
});

Deno.test("banned-globals: the clock, the stand-in for JSR and what does not ship are free", () => {
  const files = ["src/actor/clock.ts", "src/std/async.ts", "tests/a.ts", "bench/a.ts", "mod.ts"];
  for (const file of files) {
    for (const source of [...TIME_AND_CHANCE, ...IO]) {
      assertEquals(messages("banned-globals", file, source), [], `${file}: ${source}`);
    }
  }
});

Deno.test("banned-globals: the message names the global, the file and the way out", () => {
  const [found] = Deno.lint.runPlugin(plugin, "src/cache/a.ts", "Date.now();");
  assertEquals(found?.message, "Cannot use Date.now in src/cache/a.ts");
  assertStringIncludes(found?.hint ?? "", "src/actor/clock.ts");
});

const lines = (count: number) => "a();\n".repeat(count);

Deno.test("function-length: the limit is exact, in every kind of function", () => {
  const kinds = [
    (body: string) => `function f() {\n${body}}`,
    (body: string) => `const f = () => {\n${body}};`,
    (body: string) => `const f = async function () {\n${body}};`,
    (body: string) => `class A { f() {\n${body}} }`,
  ];
  for (const kind of kinds) {
    assertEquals(messages("function-length", "src/a/a.ts", kind(lines(LINES_MAX - 2))), []);
    const [found] = messages("function-length", "src/a/a.ts", kind(lines(LINES_MAX - 1)));
    assertMatch(found ?? "", new RegExp(`of ${LINES_MAX + 1} lines`));
  }
});

Deno.test("function-length: the lines of inner functions are theirs", () => {
  const inner = `const g = () => {\n${lines(60)}};\n`;
  const outer = (rest: number) => `function f() {\n${inner}${inner}${lines(rest)}}`;
  assertEquals(messages("function-length", "src/a/a.ts", outer(LINES_MAX - 4)), []);
  assertEquals(messages("function-length", "src/a/a.ts", outer(LINES_MAX - 3)).length, 1);
});

Deno.test("function-length: holds in what ships, benches and scripts, not in tests", () => {
  const source = `function f() {\n${lines(LINES_MAX)}}`;
  for (const file of ["mod.ts", "src/a/a.ts", "actors/a.ts", "bench/a.ts", "scripts/a.ts"]) {
    assertEquals(messages("function-length", file, source).length, 1, file);
  }
  assertEquals(messages("function-length", "tests/a_test.ts", source), []);
});
