/**
 * `deno task test`: every test, with the leak sanitizers on, and one last line that says
 * `N passed, N failed`. Exits with 1 when a test fails or the run breaks off.
 *
 * - Arguments go to `deno test`: paths, `--filter=text`, `--no-check`.
 * - `WICK_TEST_SERVICES=install` installs the programs that tests need (Debian) and then counts a
 *   missing one as a failure; `required` only counts; otherwise such tests are skipped.
 * - `DENO_JOBS=N` runs N files at a time. The default is one, but for the tests of the domain:
 *   latencies are measured. Files of a folder share an isolate (`support/test_plan.ts`); a file that
 *   is asked for by its path is alone.
 *
 * @module
 */
import { join, relative } from "node:path";
import { childEnv, isProgress, runDeno } from "./support/deno.ts";
import { filesBelow } from "./support/files.ts";
import { installServices } from "./support/install.ts";
import { inLanes } from "./support/lanes.ts";
import { linesOf } from "./support/lines.ts";
import { ROOT } from "./support/root.ts";
import { moduleOf, planTests, type TestFile } from "./support/test_plan.ts";
import { addTimes, slowest } from "./support/test_times.ts";
import { type Counts, finalCounts, sumOf, TestReport } from "./support/test_report.ts";

// Long before the 20 minutes of a CI run are over: a test that hangs must still be named.
const LIMIT_MIN = 17;

// Set for the tests: one that starts all tests again would never end.
const INSIDE = "WICK_INSIDE_TESTS";

/** Files of each folder that are named at the end, by their time. */
const SLOWEST = 5;

/** What is to be done with the lines of a run: with each, and with those worth reading. */
interface Told {
  readonly each?: (line: string) => void;
  readonly worth?: (line: string) => void;
}

/** A run of tests: its processes, and what came of them. */
class Runner {
  readonly #env: Readonly<Record<string, string>>;
  readonly #children = new Set<Deno.ChildProcess>();
  #isLate = false;

  constructor(env: Readonly<Record<string, string>>) {
    this.#env = env;
  }

  /** Runs deno with these arguments, of which the first is `test`. */
  async run(args: readonly string[], { each, worth }: Told): Promise<Counts> {
    if (this.#isLate) return finalCounts(undefined, false);
    const child = new Deno.Command(Deno.execPath(), {
      args: [...args],
      cwd: ROOT,
      env: { ...this.#env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#children.add(child);
    const report = new TestReport(worth ?? (() => {}));
    await Promise.all([
      eachLine(child.stdout, (line) => {
        each?.(line);
        report.line(line);
      }),
      eachLine(child.stderr, (line) => isProgress(line) || console.error(line)),
    ]);
    report.end();
    const { success } = await child.status;
    this.#children.delete(child);
    return finalCounts(report.counts, success);
  }

  /** Ends it before its time; what has not begun does not begin. */
  kill(): void {
    this.#isLate = true;
    for (const child of this.#children) child.kill("SIGKILL");
  }
}

async function runTests(args: readonly string[]): Promise<boolean> {
  if (Deno.env.has(INSIDE)) throw new Error("Cannot run the tests: a test has started them");
  const installs = Deno.env.get("WICK_TEST_SERVICES") === "install";
  if (installs) await installServices();
  const startMs = performance.now();
  const runner = new Runner({
    ...childEnv(),
    [INSIDE]: "1",
    ...(installs ? { WICK_TEST_SERVICES: "required" } : {}),
  });
  const limit = setTimeout(() => {
    console.error(`Cannot finish the tests: they ran for ${LIMIT_MIN} minutes`);
    runner.kill();
  }, LIMIT_MIN * 60_000);

  const isFocused = args.some((arg) => isPath(arg) || arg.startsWith("--filter"));
  const counts = isFocused ? await runSome(runner, args) : await runAll(runner, args);
  clearTimeout(limit);

  const { passed, failed, ignored } = counts;
  console.log(`${ignored} ignored, ${((performance.now() - startMs) / 1000).toFixed(1)} s`);
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0;
}

async function eachLine(stream: ReadableStream<Uint8Array>, take: (line: string) => void) {
  for await (const line of linesOf(stream)) take(line);
}

/** Who asks for certain tests wants to see all they print. */
async function runSome(runner: Runner, args: readonly string[]): Promise<Counts> {
  const paths = args.some(isPath) ? [] : ["tests"];
  return await runner.run([...testCommand(), ...args, ...paths], { each: console.log });
}

async function runAll(runner: Runner, args: readonly string[]): Promise<Counts> {
  if (!args.includes("--no-check")) {
    // Once for all processes.
    const { success, output } = await runDeno(["check", "tests"]);
    if (!success) {
      console.log(output);
      return finalCounts(undefined, false);
    }
  }
  const rest = args.filter((arg) => arg !== "--no-check");
  const command = [...testCommand(), "--no-check", "--config", `${ROOT}deno.json`, ...rest];
  const { sideBySide, inTurn, alone } = planTests(testFiles());
  const modules = await Modules.create();
  try {
    const counts: Counts[] = [];
    await inLanes(navigator.hardwareConcurrency, sideBySide, async ([folder, files]) => {
      const path = await modules.write(folder, files);
      // All at once, when it is over: two at a time would be told in one another's lines.
      const lines: string[] = [];
      const worth = (line: string) => void lines.push(modules.named(line));
      const junit = `--junit-path=${modules.junit(folder)}`;
      counts.push(await runner.run([...command, junit, path], { worth }));
      console.log(lines.join("\n"));
    });
    const paths = [...alone];
    for (const [folder, files] of inTurn) paths.push(await modules.write(folder, files));
    const worth = (line: string) => console.log(modules.named(line));
    const junit = `--junit-path=${modules.junit("others")}`;
    counts.push(await runner.run([...command, junit, ...paths], { worth }));
    const times = slowest(await modules.times(), SLOWEST);
    console.log(["Seconds by folder, and its slowest files:", ...times].join("\n"));
    return sumOf(counts);
  } finally {
    await modules[Symbol.asyncDispose]();
  }
}

/** Modules that load the files of a folder each. */
class Modules implements AsyncDisposable {
  readonly #place: string;

  private constructor(place: string) {
    this.#place = place;
  }

  static async create(): Promise<Modules> {
    return new Modules(await Deno.makeTempDir({ prefix: "wick-tests-" }));
  }

  /** Writes one; its path. */
  async write(folder: string, paths: readonly string[]): Promise<string> {
    const path = join(this.#place, `${folder}.ts`);
    await Deno.writeTextFile(path, moduleOf(ROOT, paths));
    return path;
  }

  /** Where deno writes how long tests took. */
  junit(name: string): string {
    return join(this.#place, `${name}.xml`);
  }

  /** Seconds by file of the runs that came to their end. */
  async times(): Promise<Map<string, number>> {
    const seconds = new Map<string, number>();
    for (const { name } of Deno.readDirSync(this.#place)) {
      if (name.endsWith(".xml")) {
        addTimes(seconds, await Deno.readTextFile(join(this.#place, name)));
      }
    }
    return seconds;
  }

  /** A line in which deno says where it is, with the folder in its place. */
  named(line: string): string {
    const place = relative(ROOT, this.#place);
    return line.includes(place) ? line.replaceAll(`${place}/`, "./tests/") : line;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#place, { recursive: true });
  }
}

/** Every file of tests, in order. */
function testFiles(): TestFile[] {
  const paths = filesBelow(`${ROOT}tests`).filter((path) => path.endsWith("_test.ts")).sort();
  return paths.map((below) => {
    const path = `tests/${below}`;
    return { path, text: Deno.readTextFileSync(ROOT + path) };
  });
}

function testCommand(): string[] {
  const command = ["test", "-A", "--sanitize-ops", "--sanitize-resources"];
  return Deno.env.has("DENO_JOBS") ? [...command, "--parallel"] : command;
}

function isPath(arg: string): boolean {
  return !arg.startsWith("-");
}

// Loaded as a test (`deno test` without a path does that), it must not start the tests again.
if (import.meta.main) Deno.exit(await runTests(Deno.args) ? 0 : 1);
