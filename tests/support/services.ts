/**
 * What a test needs and the machine may lack. Each helper answers with options for `Deno.test`
 * that leave the test out, and says so once, where the thing is missing.
 *
 * @example
 * ```ts
 * import { serviceOrSkip, sharedDirOrSkip } from "../support/services.ts";
 *
 * const shared = sharedDirOrSkip();
 *
 * Deno.test("the oracle agrees with OTP", serviceOrSkip("erlang"), async () => {});
 * Deno.test("labels equal the reference", { ignore: shared.ignore }, () => {
 *   Deno.readTextFileSync(shared.path("reference/expected/README.md"));
 * });
 * ```
 *
 * @module
 */
import { join } from "node:path";
import { ROOT } from "../../scripts/support/root.ts";
import { isInstalled, NEEDED, type ServiceName, SERVICES } from "../../scripts/support/services.ts";

/** Options of `Deno.test`. */
export interface Skippable {
  /** Whether to leave the test out. */
  readonly ignore: boolean;
}

/** The folder of reference data beside the project. */
export interface SharedDir extends Skippable {
  /** The absolute path of what lies in it: `path("data/candles")`. */
  path(...parts: string[]): string;
}

const notices = new Set<string>();

/**
 * Options for a test that needs a program of the machine.
 *
 * @throws {Error} When it is missing and WICK_TEST_SERVICES=required, or it is not in NEEDED and
 * would therefore never be installed.
 */
export function serviceOrSkip(name: ServiceName): Skippable {
  if (!NEEDED.includes(name)) {
    throw new Error(
      `Cannot test with ${name}: add it to NEEDED in scripts/support/services.ts, ` +
        "so that CI installs it",
    );
  }
  if (isInstalled(name)) return { ignore: false };
  const what = `${name} (Debian package ${SERVICES[name].package})`;
  if (Deno.env.get("WICK_TEST_SERVICES") === "required") {
    throw new Error(`Cannot test with ${what}: it is required and not installed`);
  }
  notice(`skipped: tests that need ${what}`);
  return { ignore: true };
}

/** Options for a test that reads `../shared`, which only the project's own machines have. */
export function sharedDirOrSkip(): SharedDir {
  const root = join(ROOT, "..", "shared");
  const ignore = !isDirectory(root);
  if (ignore) notice("skipped: tests that need ../shared");
  return { ignore, path: (...parts) => join(root, ...parts) };
}

function notice(text: string): void {
  if (notices.has(text)) return;
  notices.add(text);
  console.log(text);
}

function isDirectory(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
