/**
 * `deno task test`: every test, with the leak sanitizers on, and one last line that says
 * `N passed, N failed`. Exits with 1 when a test fails or the run breaks off.
 *
 * - Arguments go to `deno test`: paths, `--filter=text`, `--no-check`.
 * - `WICK_TEST_SERVICES=install` installs the programs that tests need (Debian) and then counts a
 *   missing one as a failure; `required` only counts; otherwise such tests are skipped.
 * - `DENO_JOBS=N` runs N files at a time. The default is one: latencies are measured.
 *
 * @module
 */
import { childEnv, isProgress } from "./support/deno.ts";
import { installServices } from "./support/install.ts";
import { linesOf } from "./support/lines.ts";
import { ROOT } from "./support/root.ts";
import { finalCounts, TestReport } from "./support/test_report.ts";

// Long before the 20 minutes of a CI run are over: a test that hangs must still be named.
const LIMIT_MIN = 17;

// Set for the tests: one that starts all tests again would never end.
const INSIDE = "WICK_INSIDE_TESTS";

async function runTests(args: readonly string[]): Promise<boolean> {
  if (Deno.env.has(INSIDE)) throw new Error("Cannot run the tests: a test has started them");
  const installs = Deno.env.get("WICK_TEST_SERVICES") === "install";
  if (installs) await installServices();
  const startMs = performance.now();
  const child = new Deno.Command(Deno.execPath(), {
    args: testCommand(args),
    cwd: ROOT,
    env: {
      ...childEnv(),
      [INSIDE]: "1",
      ...(installs ? { WICK_TEST_SERVICES: "required" } : {}),
    },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const limit = setTimeout(() => {
    console.error(`Cannot finish the tests: they ran for ${LIMIT_MIN} minutes`);
    child.kill("SIGKILL");
  }, LIMIT_MIN * 60_000);

  // Who asks for certain tests wants to see all they print.
  const isFocused = args.some((arg) => isPath(arg) || arg.startsWith("--filter"));
  const report = new TestReport(isFocused ? () => {} : console.log);
  await Promise.all([
    eachLine(child.stdout, (line) => {
      if (isFocused) console.log(line);
      report.line(line);
    }),
    eachLine(child.stderr, (line) => isProgress(line) || console.error(line)),
  ]);
  report.end();
  const { success } = await child.status;
  clearTimeout(limit);

  const { passed, failed, ignored } = finalCounts(report.counts, success);
  console.log(`${ignored} ignored, ${((performance.now() - startMs) / 1000).toFixed(1)} s`);
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0;
}

async function eachLine(stream: ReadableStream<Uint8Array>, take: (line: string) => void) {
  for await (const line of linesOf(stream)) take(line);
}

function testCommand(args: readonly string[]): string[] {
  const command = ["test", "-A", "--sanitize-ops", "--sanitize-resources"];
  if (Deno.env.has("DENO_JOBS")) command.push("--parallel");
  // Without a path deno would look everywhere, and take this very file, by its name, for a test.
  return [...command, ...args, ...(args.some(isPath) ? [] : ["tests"])];
}

function isPath(arg: string): boolean {
  return !arg.startsWith("-");
}

// Loaded as a test (`deno test` without a path does that), it must not start the tests again.
if (import.meta.main) Deno.exit(await runTests(Deno.args) ? 0 : 1);
