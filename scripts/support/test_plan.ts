/**
 * Which tests share an isolate. To load what a file of tests needs takes up to half a second, as much
 * as many of them run, so the files of a folder share one where nothing speaks against it.
 *
 * The domain has no clock, no I/O and no processes: its folders run side by side. All others run one
 * after the other, because they measure how long things take.
 *
 * @module
 */
import { pathToFileURL } from "node:url";

/** A file of tests. */
export interface TestFile {
  /** Path below the project's root, with slashes. */
  readonly path: string;
  readonly text: string;
}

/** Paths of files by the folder of `tests` that they lie in. */
export type Folders = ReadonlyMap<string, readonly string[]>;

/** See the module's text. Every file is in it once. */
export interface TestPlan {
  /** Folders of which several may run at a time; largest first. */
  readonly sideBySide: Folders;
  /** Folders of which one runs at a time. */
  readonly inTurn: Folders;
  /** Files that have an isolate of their own. */
  readonly alone: readonly string[];
}

const DOMAIN: ReadonlySet<string> = new Set([
  "batch",
  "cache",
  "label",
  "market",
  "monitor",
  "refresh",
  "warm",
]);

/** A test of the domain that does ask for the time, or for a process. */
const MEASURES = /performance\.now|systemClock|setTimeout|RedisServer/;

/**
 * What needs an isolate of its own: memory that is measured, another folder to work in, what is set
 * up for all tests of a file, a browser, and leaks that are known and would be those of the next test.
 */
const ALONE = new RegExp(
  [
    "memoryUsage",
    "chdir",
    String.raw`\.(before|after)(All|Each)\(`,
    String.raw`oneServer\(`,
    '"chromium"',
    "sanitize(Ops|Resources): false",
  ].join("|"),
);

/** Says which files run together. O(N) in their text. */
export function planTests(files: readonly TestFile[]): TestPlan {
  const sideBySide = new Map<string, string[]>(), inTurn = new Map<string, string[]>();
  const alone: string[] = [];
  for (const { path, text } of files) {
    const folder = path.split("/")[1] ?? "";
    if (ALONE.test(text)) alone.push(path);
    else {
      const folders = DOMAIN.has(folder) && !MEASURES.test(text) ? sideBySide : inTurn;
      folders.set(folder, [...folders.get(folder) ?? [], path]);
    }
  }
  const bySize = [...sideBySide].sort(([, a], [, b]) => b.length - a.length);
  return { sideBySide: new Map(bySize), inTurn, alone };
}

/** The text of a module that loads these files. */
export function moduleOf(root: string, paths: readonly string[]): string {
  return paths.map((path) => `import "${pathToFileURL(root + path)}";\n`).join("");
}
