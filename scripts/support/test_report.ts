/**
 * Reads what `deno test` prints with its pretty reporter: which lines are worth passing on, and
 * what it counted in the end. (Its JUnit file omits modules that fail to load.)
 *
 * @module
 */
import { stripVTControlCharacters } from "node:util";

/** What a run of tests came to, or several. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly ignored: number;
}

const PASSED = / \.\.\. (ok|ignored)( \(.*\))?$/;
const STARTED = /^\S.* \.\.\.$/;
const FAILED = /^\S.* \.\.\. FAILED( \(.*\))?$/;
const SUMMARY = /^(?:ok|FAILED) \| (\d+) passed.*? \| (\d+) failed(?:.*? \| (\d+) ignored)?/;

/**
 * Passes on the lines of a test run that say something: one line per file, failed tests with what
 * they printed, and the errors. Tests that pass are dropped with what they printed.
 */
export class TestReport {
  /** What the last summary line says, or undefined before there is one. */
  counts: Counts | undefined;

  readonly #print: (line: string) => void;
  // The lines of the test that is running, until it is known how it ends.
  #held: string[] = [];

  /** @param print Takes each line that is worth reading. */
  constructor(print: (line: string) => void) {
    this.#print = print;
  }

  /** Takes the next line of the run, without its line break. */
  line(line: string): void {
    const text = stripVTControlCharacters(line);
    const summary = SUMMARY.exec(text);
    if (summary) {
      const [, passed, failed, ignored = 0] = summary;
      this.counts = { passed: Number(passed), failed: Number(failed), ignored: Number(ignored) };
    }
    if (PASSED.test(text) && /^\S/.test(text)) this.#held = [];
    else if (FAILED.test(text)) this.#release(line);
    else if (this.#held.length > 0 || STARTED.test(text)) this.#held.push(line);
    else this.#print(line);
  }

  /** Prints what a run that broke off has left; call it after the last line. */
  end(): void {
    this.#release();
  }

  #release(...more: string[]): void {
    for (const line of [...this.#held, ...more]) this.#print(line);
    this.#held = [];
  }
}

/**
 * The counts that a finished run stands for: a run that broke off, or failed without saying in
 * which test, counts as one failed test more.
 */
export function finalCounts(counts: Counts | undefined, success: boolean): Counts {
  if (counts === undefined) return { passed: 0, failed: 1, ignored: 0 };
  return !success && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
}

/** The counts of several runs together. */
export function sumOf(all: readonly Counts[]): Counts {
  return all.reduce((sum, { passed, failed, ignored }) => ({
    passed: sum.passed + passed,
    failed: sum.failed + failed,
    ignored: sum.ignored + ignored,
  }), { passed: 0, failed: 0, ignored: 0 });
}
