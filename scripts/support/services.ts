/**
 * The programs outside the project that some tests run against: how to find them and from which
 * Debian package they come. `scripts/test.ts` installs them, `tests/support/services.ts` skips
 * tests that lack one.
 *
 * @module
 */

/** A program that tests may need. */
export interface Service {
  /** The Debian package that has it. */
  readonly package: string;
  /** A command that succeeds where it is installed. */
  readonly probe: readonly [command: string, ...args: string[]];
}

/** Every program that a test may name. */
export const SERVICES = {
  erlang: { package: "erlang-base", probe: ["erl", "-noshell", "-eval", "halt()."] },
  redis: { package: "redis-server", probe: ["redis-server", "--version"] },
  chromium: { package: "chromium", probe: ["chromium", "--version"] },
  node: { package: "nodejs", probe: ["node", "--version"] },
  python: { package: "python3", probe: ["python3", "--version"] },
} as const satisfies Record<string, Service>;

/** The name of a program in {@linkcode SERVICES}. */
export type ServiceName = keyof typeof SERVICES;

/** What the tests in the tree need today; nothing else is installed. */
export const NEEDED: readonly ServiceName[] = ["erlang", "redis", "chromium", "node"];

/** Whether the program is installed and starts. */
export function isInstalled(name: ServiceName): boolean {
  const [command, ...args] = SERVICES[name].probe;
  try {
    return new Deno.Command(command, { args, stdin: "null", stdout: "null", stderr: "null" })
      .outputSync().success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
