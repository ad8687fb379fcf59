/**
 * Checks of the code itself, each a function from files to complaints. `project_test.ts` asks them
 * of the project, `checks_test.ts` of planted faults.
 *
 * @module
 */
import { asNode } from "../../scripts/lint/ast.ts";
import { importVisitor } from "../../scripts/lint/imports.ts";
import { importedFile } from "../../scripts/lint/layers.ts";

/** A file of the project. */
export interface SourceFile {
  /** Path below the project's root, with slashes. */
  readonly path: string;
  readonly text: string;
}

/** What the names in the top folder may be, besides dot files. */
export const TOP_LEVEL: readonly string[] = [
  "README.md",
  "actors",
  "bench",
  "deno.json",
  "deno.lock",
  "mod.ts",
  "scripts",
  "src",
  "tests",
];

/** The folders of `src`. */
export const SRC_FOLDERS: readonly string[] = [
  "actor",
  "batch",
  "cache",
  "cli",
  "feed",
  "http",
  "label",
  "market",
  "monitor",
  "provider",
  "refresh",
  "std",
  "store",
  "warm",
];

interface Parsed {
  readonly specifiers: readonly string[];
  /** Offsets of the type `any`. */
  readonly anys: readonly number[];
}

function parse(file: SourceFile): Parsed {
  const specifiers: string[] = [];
  const anys: number[] = [];
  // Collected on the side, not reported: a directive in the file must not silence it.
  const create = (): Deno.lint.LintVisitor => ({
    ...importVisitor((specifier) => specifiers.push(specifier)),
    TSAnyKeyword: (node) => anys.push(asNode(node)?.range[0] ?? 0),
  });
  Deno.lint.runPlugin({ name: "code", rules: { parse: { create } } }, file.path, file.text);
  return { specifiers, anys };
}

/** Each file with the files of the project that it imports. */
function importGraph(files: readonly SourceFile[]): Map<string, string[]> {
  return new Map(files.map((file) => [
    file.path,
    parse(file).specifiers.flatMap((specifier) => importedFile(file.path, specifier) ?? []),
  ]));
}

function reach(graph: Map<string, string[]>, roots: Iterable<string>): Set<string> {
  const reached = new Set<string>();
  const open = [...roots];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (reached.has(path)) continue;
    reached.add(path);
    open.push(...graph.get(path) ?? []);
  }
  return reached;
}

/**
 * Files of src and actors that nothing leads to from mod.ts, thread entries, benches and scripts.
 * Tests keep only src/std alive; while there is no mod.ts they stand in for it.
 */
export function deadFiles(files: readonly SourceFile[]): string[] {
  const graph = importGraph(files);
  const paths = [...graph.keys()];
  const under = (...places: string[]) =>
    paths.filter((path) => places.some((place) => path.startsWith(place)));
  const hasFace = graph.has("mod.ts");
  const alive = reach(graph, under("mod.ts", "actors/threads/", "bench/", "scripts/"));
  const tested = reach(graph, under("tests/"));
  return under("src/", "actors/").filter((path) =>
    !alive.has(path) && !(tested.has(path) && (!hasFace || path.startsWith("src/std/")))
  ).map((path) => `${path}: nothing imports it`);
}

/**
 * Thread entries that are not there, are not named after an actor, or are started by nobody. The
 * type checker does not follow `new URL(…, import.meta.url)`, so nobody else would notice.
 */
export function brokenThreads(files: readonly SourceFile[]): string[] {
  const graph = importGraph(files);
  const isEntry = (path: string) => /^actors\/threads\/[^/]+\.ts$/.test(path);
  const complaints: string[] = [];
  const started = new Set<string>();
  for (const [path, targets] of graph) {
    if (!/^(mod\.ts$|src\/|actors\/)/.test(path)) continue;
    for (const target of targets.filter(isEntry)) {
      started.add(target);
      if (!graph.has(target)) complaints.push(`${path}: there is no ${target}`);
    }
  }
  for (const entry of [...graph.keys()].filter(isEntry)) {
    const actor = entry.replace("threads/", "");
    if (!graph.has(actor)) complaints.push(`${entry}: there is no actor ${actor}`);
    if (graph.has("actors/tree.ts") && !started.has(entry)) {
      complaints.push(`${entry}: nothing starts it`);
    }
  }
  return complaints;
}

const TEXTS: readonly [found: RegExp, why: string][] = [
  [/\b(TODO|FIXME|XXX|HACK)\b/, "left for later: do it, or write an issue"],
  [/(?<![\w.:/-])\/(home|root|work|Users|mnt)\/\w/, "a path of one machine"],
  [/@ts-(ignore|nocheck)/, "switches the type checker off"],
  [/@ts-expect-error\s*(\*\/)?$/, "gives no reason: add `: reason`"],
  [/deno-lint-ignore(?!.*-- ?\S)/, "gives no reason: add ` -- reason`"],
];

/** Lines that say what no line should: work left over, paths of one machine, silenced checks. */
export function bannedTexts(file: SourceFile): string[] {
  return file.text.split("\n").flatMap((line, index) =>
    TEXTS.filter(([found]) => found.test(line))
      .map(([found, why]) => `${file.path}:${index + 1}: ${found.exec(line)?.[0]} – ${why}`)
  );
}

/** Uses of the type `any`, and of packages past the import map, silenced or not. */
export function bannedSyntax(file: SourceFile): string[] {
  const { anys, specifiers } = parse(file);
  return [
    ...anys.map((offset) => {
      const line = file.text.slice(0, offset).split("\n").length;
      return `${file.path}:${line}: any – say unknown, or the type`;
    }),
    ...specifiers.filter((specifier) => /^(npm|jsr|https?):/.test(specifier))
      .map((specifier) => `${file.path}: ${specifier} – versions stand in deno.json only`),
  ];
}

/** Entries of an import map that are neither a file nor one exact version of an npm package. */
export function looseVersions(imports: Readonly<Record<string, string>>): string[] {
  return Object.entries(imports)
    .filter(([, target]) => !/^\.\/|^npm:(@[\w.-]+\/)?[\w.-]+@\d+\.\d+\.\d+(\/.+)?$/.test(target))
    .map(([name, target]) => `${name}: ${target} – expected npm:name@x.y.z`);
}

/** Names that `allowed` and the ignore file do not know; dot files are free. */
export function strangeNames(
  names: Iterable<string>,
  allowed: readonly string[],
  ignored: readonly string[] = [],
): string[] {
  return [...names].filter((name) =>
    !name.startsWith(".") && !allowed.includes(name) && !ignored.includes(name)
  );
}
