import { createServer } from "node:net";
import { assert, assertEquals } from "@std/assert";
import { inLanes } from "../../scripts/support/lanes.ts";
import { ROOT } from "../../scripts/support/root.ts";
import { configSchema, jobConfigSchema } from "../../src/cli/config_schema.ts";
import { EXIT_MEANINGS } from "../../src/cli/exit_code.ts";
import { runSpec } from "../../src/http/refresh_input.ts";
import { RedisServer } from "../support/redis.ts";
import { serviceOrSkip } from "../support/services.ts";
import {
  type Block,
  blocksOf,
  examplesOf,
  firstMissing,
  saidOutput,
  Workshop,
} from "./doc_blocks.ts";

const README = await Deno.readTextFile(`${ROOT}README.md`);
const blocks = blocksOf(README);
const examples = examplesOf(await Deno.readTextFile(`${ROOT}mod.ts`));
const REDIS_PORT = "6379";
const needsRedis = (text: string) => text.includes(`127.0.0.1:${REDIS_PORT}`);

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  assert(address !== null && typeof address === "object");
  return address.port;
}

/** Runs a program, with a Redis of its own where it names one. */
async function runProgram(workshop: Workshop, name: string, text: string): Promise<void> {
  await using redis = needsRedis(text) ? await RedisServer.start() : null;
  const here = redis === null ? text : text.replaceAll(REDIS_PORT, String(redis.port));
  const output = await workshop.runModule(`${name}.ts`, here);
  assertEquals(
    firstMissing(output, saidOutput(text)),
    null,
    `it printed:\n${output.slice(0, 2_000)}`,
  );
}

Deno.test("the README's tutorial does what it says, step by step", async () => {
  await using workshop = await Workshop.open(await freePort());
  let output = "";
  let steps = 0;
  for (const { tag, text, line } of blocks) {
    if (tag === "run") output = await workshop.runShell(text);
    else if (tag === "service") await workshop.startShell(text);
    else if (tag === "killed") await workshop.killAndStart(text);
    else if (tag === "output") {
      const missing = firstMissing(output, text.split("\n"));
      assertEquals(missing, null, `README.md:${line}: it printed:\n${output.slice(0, 2_000)}`);
    } else continue;
    steps++;
  }
  assert(steps >= 8, `only ${steps} blocks are tagged`);
});

/** A program of the documentation. */
interface Program {
  readonly name: string;
  readonly text: string;
}

const programs: readonly Program[] = [
  ...blocks.filter(({ language }) => language === "ts").map(({ line, text }) => ({
    name: `the program at line ${line} of the README`,
    text,
  })),
  ...examples.map(({ title, text }) => ({ name: `the example of mod.ts: ${title}`, text })),
];

async function runAlone({ text }: Program): Promise<void> {
  await using workshop = await Workshop.open(await freePort());
  await runProgram(workshop, "program", text);
}

Deno.test("every program of the README and of mod.ts runs and prints what it says", async () => {
  const all = programs.filter(({ text }) => !needsRedis(text));
  assert(all.length > 10, `${all.length} programs`);
  const failed: string[] = [];
  // Two at a time: each is a process that begins with loading everything.
  await inLanes(
    2,
    all,
    (program) =>
      runAlone(program).catch((error) => void failed.push(`${program.name}: ${error.message}`)),
  );
  assertEquals(failed, []);
});

for (const program of programs.filter(({ text }) => needsRedis(text))) {
  Deno.test(`${program.name} runs`, serviceOrSkip("redis"), () => runAlone(program));
}

Deno.test("examples of mod.ts are read at a glance", () => {
  const lines = examples.map(({ title, text }) => ({ title, lines: text.split("\n").length }));
  assertEquals(lines.filter(({ lines }) => lines > 32), []);
});

Deno.test("every configuration in the README is one", () => {
  const schemas = { "wick.json": configSchema, "night.json": jobConfigSchema, "run.json": runSpec };
  const of = ({ tag, line }: Block) => {
    assert(tag !== null && Object.hasOwn(schemas, tag), `README.md:${line}: say which file it is`);
    return schemas[tag as keyof typeof schemas];
  };
  const given = blocks.filter(({ language }) => language === "json");
  assert(given.length > 5);
  for (const block of given) {
    const result = of(block).safeParse(JSON.parse(block.text));
    assertEquals(result.error?.message, undefined, `README.md:${block.line}`);
  }
});

Deno.test("the README names every route, command and exit code", async () => {
  await using workshop = await Workshop.open(await freePort());
  await workshop.startShell("wick serve --data :memory:");
  const description = await (await fetch(`http://127.0.0.1:${workshop.port}/openapi.json`)).json();
  const missing: string[] = [];
  for (const [path, methods] of Object.entries(description.paths as Record<string, object>)) {
    if (/^\/(warming|api\/actors\/wick)\//.test(path)) continue;
    for (const method of Object.keys(methods)) {
      const route = `\`${method.toUpperCase()} ${path}\``;
      if (!README.includes(route)) missing.push(route);
    }
  }
  const help = await workshop.runShell("wick --help");
  const commands = help.slice(help.indexOf("Commands:"), help.indexOf("Options:"));
  for (const [, name] of commands.matchAll(/^ {2}(\w+) /gm)) {
    if (!README.includes(`\`wick ${name}`)) missing.push(`wick ${name}`);
  }
  for (const [code, meaning] of EXIT_MEANINGS) {
    const row = new RegExp(`^\\| ${code} +\\| ${meaning} +\\|$`, "m");
    if (!row.test(README)) missing.push(`exit code ${code}`);
  }
  assertEquals(missing, []);
});

Deno.test("the README names every task and no other, and its links lead somewhere", async () => {
  const { tasks } = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`));
  const named = [...README.matchAll(/(?:deno|deno@[\d.]+) task ([a-z][a-z:]*)/g)].map(([, name]) =>
    name
  );
  assertEquals([...new Set(named)].filter((name) => !Object.hasOwn(tasks, name ?? "")), []);
  const known = new Set(named);
  assertEquals(Object.keys(tasks).filter((name) => !known.has(name)), []);
  const anchors = new Set(
    [...README.matchAll(/^#+ (.*)$/gm)].map(([, title = ""]) =>
      title.toLowerCase().replace(/[^\w\- ]/g, "").replaceAll(" ", "-")
    ),
  );
  for (const [, id = ""] of README.matchAll(/<a id="(.*?)">/g)) anchors.add(id);
  const links = [...README.matchAll(/\]\(#(.*?)\)/g)].map(([, id = ""]) => id);
  assertEquals(links.filter((id) => !anchors.has(id)), []);
  const files = [...README.matchAll(/\]\((?!#|http)(.*?)\)/g)].map(([, path = ""]) => path);
  for (const path of files) assert((await Deno.stat(`${ROOT}${path}`)).isFile, path);
});

Deno.test("firstMissing() finds what did not come, and … stands for anything", () => {
  assertEquals(firstMissing("a 1 b\nc", ["a … b", "c"]), null);
  assertEquals(firstMissing("a\nb", ["b", "a"]), "a");
  assertEquals(firstMissing("x(1)", ["x(1)"]), null);
});
