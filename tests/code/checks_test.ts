import { assertEquals, assertMatch } from "@std/assert";
import {
  bannedSyntax,
  bannedTexts,
  brokenThreads,
  deadFiles,
  looseVersions,
  type SourceFile,
  strangeNames,
} from "./checks.ts";

const project = (files: Record<string, string>): SourceFile[] =>
  Object.entries(files).map(([path, text]) => ({ path, text }));

const names = (complaints: string[]) => complaints.map((text) => text.replace(/:.*/, ""));

Deno.test("deadFiles() finds files that no entry point leads to, islands included", () => {
  const files = project({
    "mod.ts": `export * from "./src/cache/mod.ts";`,
    "src/cache/mod.ts": `import type { A } from "./arena.ts";`,
    "src/cache/arena.ts": "",
    "src/cache/dead.ts": `import "./arena.ts";`,
    "src/warm/a.ts": `import "./b.ts";`,
    "src/warm/b.ts": `import "./a.ts";`,
    "src/warm/commented.ts": `// import "./commented.ts"`,
    "src/store/thread_side.ts": "",
    "src/actor/simulator.ts": "",
    "actors/threads/store.ts": `import "../../src/store/thread_side.ts";`,
    "scripts/simulate.ts": `import "../src/actor/simulator.ts";`,
  });
  assertEquals(names(deadFiles(files)), [
    "src/cache/dead.ts",
    "src/warm/a.ts",
    "src/warm/b.ts",
    "src/warm/commented.ts",
  ]);
});

Deno.test("deadFiles() lets a test keep only src/std alive, once there is a mod.ts", () => {
  const files = {
    "tests/a_test.ts": `import "../src/cache/a.ts"; import "@std/assert"; import "@std/async";`,
    "src/cache/a.ts": "",
    "src/std/assert.ts": `import "./equal.ts";`,
    "src/std/equal.ts": "",
    "src/std/async.ts": "",
    "src/std/dead.ts": "",
  };
  assertEquals(names(deadFiles(project(files))), ["src/std/dead.ts"]);
  assertEquals(names(deadFiles(project({ ...files, "mod.ts": "" }))), [
    "src/cache/a.ts",
    "src/std/dead.ts",
  ]);
});

Deno.test("brokenThreads() finds missing, unstarted and misnamed entries", () => {
  const start = (name: string) => `new URL("./threads/${name}.ts", import.meta.url);`;
  const files = {
    "actors/tree.ts": start("store"),
    "actors/store.ts": "",
    "actors/threads/store.ts": `import "../store.ts";`,
  };
  assertEquals(brokenThreads(project(files)), []);
  assertEquals(
    brokenThreads(project({ ...files, "actors/tree.ts": start("store") + start("gone") })),
    ["actors/tree.ts: there is no actors/threads/gone.ts"],
  );
  assertEquals(
    brokenThreads(project({ ...files, "actors/threads/odd.ts": "" })),
    [
      "actors/threads/odd.ts: there is no actor actors/odd.ts",
      "actors/threads/odd.ts: nothing starts it",
    ],
  );
});

const complaintsAbout = (line: string) => bannedTexts({ path: "src/a.ts", text: `\n${line}\n` });

const BANNED_LINES = [
  "// TODO: later",
  "// FIXME",
  `const path = "/home/me/data";`,
  "cd /work/main",
  "// @ts-ignore: because",
  "// @ts-nocheck",
  "// @ts-expect-error",
  "// deno-lint-ignore no-console",
  "// deno-lint-ignore-file",
];

for (const line of BANNED_LINES) {
  Deno.test(`bannedTexts() finds ${line}`, () => {
    const complaints = complaintsAbout(line);
    assertEquals(complaints.length, 1);
    assertMatch(complaints[0] ?? "", /^src\/a\.ts:2: /);
  });
}

const FREE_LINES = [
  "const todo = 1; // a mastodon hacked it",
  "GET http://localhost/home/x and ./home/x and /api/work/x",
  "// @ts-expect-error: a wrong payload must not compile",
  "// deno-lint-ignore no-console -- the command prints",
];

for (const line of FREE_LINES) {
  Deno.test(`bannedTexts() passes ${line}`, () => {
    assertEquals(complaintsAbout(line), []);
  });
}

Deno.test("bannedSyntax() finds every any, silenced or not, and no word any", () => {
  const text = `// any
const a: any = "any";
// deno-lint-ignore no-explicit-any -- because
function f(x: Array<any>): unknown { return x as any; }
`;
  assertEquals(
    bannedSyntax({ path: "src/a.ts", text }).map((complaint) => complaint.replace(/ –.*/, "")),
    ["src/a.ts:2: any", "src/a.ts:4: any", "src/a.ts:4: any"],
  );
});

Deno.test("bannedSyntax() finds packages past the import map", () => {
  const text =
    `import "npm:zod@4"; import "jsr:@std/assert"; import "https://a/b.ts"; import "zod";`;
  assertEquals(bannedSyntax({ path: "src/a.ts", text }).length, 3);
});

Deno.test("looseVersions() passes files and exact versions only", () => {
  const good = {
    "@std/assert": "./src/std/assert.ts",
    "zod": "npm:zod@4.6.7",
    "@hono/node-server": "npm:@hono/node-server@1.19.5",
    "uplot/css": "npm:uplot@1.6.32/dist/uPlot.min.css",
  };
  assertEquals(looseVersions(good), []);
  const bad = {
    "a": "npm:a@^1.2.3",
    "b": "npm:b@1",
    "c": "npm:c",
    "d": "jsr:@std/assert@1.0.0",
    "e": "https://deno.land/x/e.ts",
    "f": "npm:@scope/f@~1.2.3",
    "g": "npm:g@1.2.3-beta.1 || 2.0.0",
  };
  assertEquals(looseVersions(bad).length, Object.keys(bad).length);
});

Deno.test("strangeNames() passes what is allowed, ignored, or a dot file", () => {
  assertEquals(strangeNames(["src", ".ci", "dist", "notes.txt"], ["src"], ["dist"]), ["notes.txt"]);
});
