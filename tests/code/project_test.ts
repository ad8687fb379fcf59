import { join } from "node:path";
import { ROOT } from "../../scripts/support/root.ts";
import { assert, assertEquals } from "@std/assert";
import {
  bannedSyntax,
  bannedTexts,
  brokenThreads,
  deadFiles,
  looseVersions,
  SRC_FOLDERS,
  strangeNames,
  TOP_LEVEL,
} from "./checks.ts";

const names = (folder: string) => [...Deno.readDirSync(join(ROOT, folder))];

function read(path: string) {
  return { path, text: Deno.readTextFileSync(join(ROOT, path)) };
}

function readTree(folder: string): { path: string; text: string }[] {
  return names(folder).flatMap(({ name, isDirectory }) => {
    const path = `${folder}/${name}`;
    if (isDirectory) return readTree(path);
    return name.endsWith(".ts") ? [read(path)] : [];
  });
}

const top = names(".");
const code = top.flatMap(({ name, isDirectory }) => {
  if (name === "mod.ts") return [read(name)];
  return isDirectory && ["src", "actors", "tests", "bench", "scripts"].includes(name)
    ? readTree(name)
    : [];
});
// The words that these tests look for stand in them.
const others = code.filter(({ path }) => !path.startsWith("tests/code/"));
const papers = ["deno.json", "README.md", ".ci/run"].filter((path) =>
  top.some(({ name }) => path.startsWith(name))
).map(read);

Deno.test("the code is found", () => {
  assert(code.length > 20);
});

Deno.test("every file of src and actors is used", () => {
  assertEquals(deadFiles(code), []);
});

Deno.test("every thread has its entry, and every entry its thread", () => {
  assertEquals(brokenThreads(code), []);
});

Deno.test("no work is left over, no path is of one machine, no check is silenced", () => {
  assertEquals([...others, ...papers].flatMap(bannedTexts), []);
});

Deno.test("no type is any, and no version stands outside deno.json", () => {
  assertEquals(code.flatMap(bannedSyntax), []);
});

Deno.test("every version in deno.json is exact", () => {
  assertEquals(looseVersions(JSON.parse(read("deno.json").text).imports), []);
});

Deno.test("the top folder holds what the architecture names, and nothing else", () => {
  const ignored = read(".gitignore").text.split("\n").map((line) => line.replaceAll("/", ""));
  assertEquals(strangeNames(top.map(({ name }) => name), TOP_LEVEL, ignored), []);
});

Deno.test("src holds the folders of the architecture, actors only files and threads", () => {
  assertEquals(strangeNames(names("src").map(({ name }) => name), SRC_FOLDERS), []);
  const folders = names("actors").filter(({ isDirectory }) => isDirectory);
  assertEquals(strangeNames(folders.map(({ name }) => name), ["threads"]), []);
});
