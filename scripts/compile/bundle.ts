/**
 * The program as plain JavaScript that needs nothing but deno: `mod.js`, the entries of its threads
 * beside it, where `threadEntry` looks for them, and what they share.
 *
 * The same sources give the same bytes, wherever the checkout and deno's cache lie: the bundler
 * writes their paths into its output and into the names of its files, so both are replaced.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { relative } from "node:path";
import { pathToFileURL } from "node:url";
import { filesBelow } from "../support/files.ts";
import { ROOT } from "../support/root.ts";
import { CompileError } from "./error.ts";
import { ran } from "./run.ts";

/** A package in the bundle. */
export interface BundledPackage {
  readonly name: string;
  readonly version: string;
}

/** The bundle. */
export interface Bundle {
  /** Texts by file name, sorted by it. */
  readonly files: ReadonlyMap<string, string>;
  /** The packages in it, sorted. */
  readonly packages: readonly BundledPackage[];
  /** Folder of the npm packages that it was made of. */
  readonly npmCache: string;
}

/** Longest that bundling may take, ms; it takes 2 s, and more where the bundler is downloaded. */
const BUNDLE_MAX_MS = 120_000;
const THREADS = "actors/threads";

/**
 * Packages that the program imports by a name that is no literal, so that no module graph has them.
 * In the bundle each is an entry of its own, which the import map `imports.json` leads to.
 */
const LATE_PACKAGES: readonly string[] = ["@google-cloud/firestore"];
/** Where their entries are written, and lie in the bundle; git ignores it. */
const LATE = "dist/packages";

/**
 * Bundles the program.
 *
 * @throws {CompileError} When it cannot be bundled, or the bundle needs what is not in it.
 */
export async function bundleProgram(): Promise<Bundle> {
  const threads = [...Deno.readDirSync(ROOT + THREADS)].map(({ name }) => name).sort();
  const folder = await Deno.makeTempDir({ prefix: "wick-bundle-" });
  try {
    const late = await lateEntries();
    const entries = ["mod.ts", ...threads.map((name) => `${THREADS}/${name}`), ...late.values()];
    const args = ["bundle", "--quiet", "--code-splitting", "--outdir", folder, ...entries];
    const made = await ran(Deno.execPath(), args, { cwd: ROOT, limitMs: BUNDLE_MAX_MS });
    if (made.code !== 0) throw new CompileError(`Cannot bundle the program: ${made.text}`);
    const npmCache = await npmCacheFolder();
    const texts = new Map<string, string>();
    for (const path of filesBelow(folder)) {
      texts.set(path, withoutPaths(await Deno.readTextFile(`${folder}/${path}`), npmCache));
    }
    const files = renamed(texts);
    for (const name of threads.map((name) => name.replace(/ts$/, "js"))) {
      files.set(name, `import "./${THREADS}/${name}";\n`);
    }
    files.set("imports.json", importMap(late));
    const sorted = new Map([...files].sort(([a], [b]) => a < b ? -1 : 1));
    const packages = packagesOf(sorted.values());
    await assertClosed(sorted);
    return { files: sorted, packages, npmCache };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** An entry for each late package; the bundler itself would hide the names of a CommonJS module. */
async function lateEntries(): Promise<Map<string, string>> {
  const entries = new Map<string, string>();
  await Deno.mkdir(ROOT + LATE, { recursive: true });
  for (const name of LATE_PACKAGES) {
    const word = JSON.stringify(name);
    const code = `console.log(JSON.stringify(Object.keys(await import(${word}))))`;
    const { code: exit, out, text } = await ran(Deno.execPath(), ["eval", code], { cwd: ROOT });
    if (exit !== 0) throw new CompileError(`Cannot load the package ${name}: ${text}`);
    const names: string[] = JSON.parse(new TextDecoder().decode(out));
    const exports = names.filter((name) => /^[A-Za-z_$][\w$]*$/.test(name)).sort();
    const entry = `${LATE}/${name.replaceAll(/\W+/g, "_").replace(/^_/, "")}.ts`;
    await Deno.writeTextFile(ROOT + entry, `export { ${exports.join(", ")} } from ${word};\n`);
    entries.set(name, entry);
  }
  return entries;
}

function importMap(late: ReadonlyMap<string, string>): string {
  const imports = [...late].map(([name, entry]) => [name, `./${entry.replace(/ts$/, "js")}`]);
  return `${JSON.stringify({ imports: Object.fromEntries(imports) })}\n`;
}

async function npmCacheFolder(): Promise<string> {
  const { code, out, text } = await ran(Deno.execPath(), ["info", "--json"], { cwd: ROOT });
  const { npmCache } = code === 0 ? JSON.parse(new TextDecoder().decode(out)) : {};
  if (typeof npmCache !== "string") throw new CompileError(`Cannot find deno's cache: ${text}`);
  return npmCache;
}

// ---- the same bytes everywhere ------------------------------------------------------------------

/** Without the path of deno's cache, and with the names that CommonJS modules may count on. */
function withoutPaths(text: string, npmCache: string): string {
  const cache = relative(ROOT, npmCache).replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const clean = text.replaceAll(new RegExp(`${cache}/[^/\\s"]+/`, "g"), "npm/");
  for (const path of [ROOT, npmCache]) {
    if (!clean.includes(path)) continue;
    throw new CompileError(`Cannot bundle the program: the bundle holds the path ${path}`);
  }
  if (!/\b__(dirname|filename)\b/.test(clean) || /\bvar __dirname\b/.test(clean)) return clean;
  return "var __dirname = import.meta.dirname, __filename = import.meta.filename;\n" + clean;
}

/** Rounds after which the name of a file depends on all that it leads to; chains are 5 long. */
const ROUNDS = 12;
/** How the bundler names a file that several share: a word, and eight characters of a hash. */
const HASHED = /-[A-Z0-9]{8}\.js$/;

/** The files under names that depend on what is in them, and no longer on where it was. */
function renamed(texts: ReadonlyMap<string, string>): Map<string, string> {
  const hashed = [...texts.keys()].filter((path) => HASHED.test(path));
  const any = new RegExp(hashed.map((name) => name.replaceAll(".", "\\.")).join("|"), "g");
  const own = hashed.map((name) => {
    const text = texts.get(name) ?? "";
    const references = [...text.matchAll(any)].map(([reference]) => reference);
    return { name, references, hash: hashOf(text.replaceAll(any, "\0")) };
  });
  let names = new Map(own.map(({ name, hash }) => [name, hash]));
  for (let round = 0; round < ROUNDS; round++) {
    names = new Map(own.map(({ name, references, hash }) => {
      const led = references.map((reference) => names.get(reference));
      return [name, hashOf([hash, ...led].join())];
    }));
  }
  const newName = (name: string) => {
    const hash = names.get(name);
    return hash === undefined ? name : name.replace(HASHED, `-${hash.slice(0, 12)}.js`);
  };
  return new Map([...texts].map(([path, text]) => [newName(path), text.replaceAll(any, newName)]));
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

// ---- whether it needs anything else -------------------------------------------------------------

interface Graph {
  readonly modules: readonly { readonly specifier: string; readonly error?: string }[];
}

/** Every import leads to a file of the bundle or into deno, and every thread to its entry. */
async function assertClosed(files: ReadonlyMap<string, string>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "wick-closed-" });
  try {
    await writeBundle(files, folder);
    const all = [...files.keys()].filter((name) => name.endsWith(".js")).map((name) =>
      `import(${JSON.stringify(`./${name}`)});\n`
    );
    await Deno.writeTextFile(`${folder}/all.js`, all.join(""));
    const { out, text } = await ran(
      Deno.execPath(),
      ["info", "--json", "--no-config", "--no-lock", "--no-remote", "--no-npm", "all.js"],
      { cwd: folder },
    );
    const graph: Graph = JSON.parse(new TextDecoder().decode(out) || `{"modules":[]}`);
    const base = `${pathToFileURL(folder).href}/`;
    const open = graph.modules.filter(({ specifier, error }) =>
      error !== undefined || !(specifier.startsWith(base) || specifier.startsWith("node:"))
    );
    const errors = open.map(({ specifier, error }) => error ?? specifier);
    if (graph.modules.length <= files.size) errors.push(text.slice(0, 1_000));
    errors.push(...[...files.values()].flatMap((source) => lostThreads(source, files)));
    if (errors.length > 0) {
      throw new CompileError(`Cannot bundle the program: not in the bundle: ${errors.join("; ")}`);
    }
    await assertLoads([...files.keys()].filter((name) => /-[0-9a-f]{12}\.js$/.test(name)), folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Modules that are started by their address, which no import shows. */
function lostThreads(source: string, files: ReadonlyMap<string, string>): string[] {
  const found = source.matchAll(/(threadEntry\()?\s*new URL\(\s*"(\.[^"]+)",\s*import\.meta\.url/g);
  return [...found].flatMap(([, entry, path = ""]) => {
    const name = path.replace(/^.*\//, "").replace(/\.ts$/, ".js");
    return entry !== undefined && files.has(name) ? [] : [path];
  });
}

/** Every part that is loaded late does load: a package may fail only when its code runs. */
async function assertLoads(names: readonly string[], folder: string): Promise<void> {
  const all = [...names.map((name) => `./${name}`), ...LATE_PACKAGES];
  const lines = all.map((name) => `await import(${JSON.stringify(name)});\n`);
  await Deno.writeTextFile(`${folder}/load.js`, `${lines.join("")}Deno.exit(0);\n`);
  const may = ["--allow-read", "--allow-env", "--deny-net", "--deny-run", "--deny-ffi"];
  const loaded = await ran(
    Deno.execPath(),
    [
      ...["run", "--quiet", "--no-config", "--no-lock", "--no-prompt", "--no-npm", ...may],
      ...["--import-map", "imports.json", "load.js"],
    ],
    { cwd: folder, limitMs: BUNDLE_MAX_MS },
  );
  if (loaded.code === 0) return;
  throw new CompileError(`Cannot load what was bundled: ${loaded.text.slice(0, 1_000)}`);
}

/** Writes the files into the folder. */
export async function writeBundle(
  files: ReadonlyMap<string, string | Uint8Array>,
  folder: string,
): Promise<void> {
  for (const [name, content] of files) {
    const path = `${folder}/${name}`;
    await Deno.mkdir(path.replace(/\/[^/]*$/, ""), { recursive: true });
    await (typeof content === "string"
      ? Deno.writeTextFile(path, content)
      : Deno.writeFile(path, content));
  }
}

// ---- what is in it ------------------------------------------------------------------------------

/** The packages that the bundler names above each of their modules. */
function packagesOf(texts: Iterable<string>): BundledPackage[] {
  const found = new Map<string, BundledPackage>();
  for (const text of texts) {
    for (
      const [, name = "", version = ""] of text.matchAll(
        /^ *\/\/ npm\/((?:@[^/\s]+\/)?[^/\s]+)\/([^/\s]+)\//gm,
      )
    ) {
      found.set(`${name}@${version}`, { name, version });
    }
  }
  return [...found].sort(([a], [b]) => a < b ? -1 : 1).map(([, one]) => one);
}
