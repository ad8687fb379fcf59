/**
 * Supervision oracles with a planted bug each. A comparison that does not tell one of them from the
 * real supervisor is blind there, so tests demand that it catches them all.
 *
 * @module
 */

import type { Oracle } from "./oracle.ts";

/** A change of `oracle.ts`: the text that is found exactly once there, and what replaces it. */
export interface Mutant {
  readonly bug: string;
  readonly find: string;
  readonly replace: string;
}

/** Bugs that show where time stands still. */
export const MUTANTS: readonly Mutant[] = [
  {
    bug: "rest_for_one forgets the siblings",
    find: "if (strategy === Strategy.oneForOne) {",
    replace: "if (strategy !== Strategy.oneForAll) {",
  },
  {
    bug: "one_for_all spares the siblings before the child",
    find: "const from = strategy === Strategy.oneForAll",
    replace: "const from = strategy < 0",
  },
  {
    bug: "counts one restart too many",
    find: "return count <= (",
    replace: "return count < (",
  },
  {
    bug: "allows one restart too many",
    find: "return count <= (",
    replace: "return count <= 1 + (",
  },
  {
    bug: "starts temporary siblings again",
    find: "=== Restart.temporary;",
    replace: "< 0;",
  },
  {
    bug: "forgets transient children that ended normally",
    find: "this.#empty(child);\n          continue;",
    replace: "this.#slot[child] = Slot.removed;\n          continue;",
  },
  {
    bug: "takes exits with reason shutdown for crashes",
    find: "reason === Reason.crash",
    replace: "reason !== Reason.normal",
  },
  {
    bug: "gives up with an abnormal reason",
    find: "supervisor << 4 | Reason.shutdown",
    replace: "supervisor << 4 | Reason.crash",
  },
  {
    bug: "keeps the window over the restart of the supervisor",
    find: "if (!this.#perChild) this.#windowCount[supervisor] = 0;",
    replace: "",
  },
  {
    bug: "does not count a failed start that is tried again",
    find: "if (!this.#count(",
    replace: "if (what !== TRY_AGAIN && !this.#count(",
  },
  {
    bug: "tries a failed start again before what is queued",
    find: "this.#post(child << 4 | TRY_AGAIN);",
    replace: "this.#inbox[--this.#inboxHead & INBOX_MASK] = child << 4 | TRY_AGAIN;",
  },
  {
    bug: "tries again what another restart has started",
    find: "if (this.#slot[child] !== Slot.restarting) continue;",
    replace: "",
  },
  {
    bug: "handles exits of children it stopped itself",
    find: "if (this.#slot[child] !== event >> 8) continue;",
    replace: "",
  },
  {
    bug: "one_for_all goes on from the child that failed to start",
    find: "strategy === Strategy.oneForAll\n",
    replace: "strategy === Strategy.oneForAll && this.#slot[child] !== Slot.restarting\n",
  },
  {
    bug: "a group restart that fails stops what it started",
    find: "!this.#startOrRetry(sibling)) return;",
    replace: "!this.#startOrRetry(sibling)) {\n" +
      "        this.#stopChildren(supervisor, from);\n" +
      "        this.#slot[sibling] = Slot.restarting;\n" +
      "        return;\n" +
      "      }",
  },
  {
    bug: "leaves children running when its own start fails",
    find: "this.#stopChildren(supervisor, from);\n        return false;",
    replace: "return false;",
  },
  {
    bug: "stops children in start order",
    find: "for (let child = (this.#schedule.childTo[supervisor] as number) - 1; " +
      "child >= from; child--) {",
    replace: "for (let child = from; " +
      "child < (this.#schedule.childTo[supervisor] as number); child++) {",
  },
];

/** Bugs that show only where time passes. */
export const TIME_MUTANTS: readonly Mutant[] = [
  {
    bug: "forgets a restart exactly one period ago",
    find: "as number) < oldestMs",
    replace: "as number) <= oldestMs",
  },
  {
    bug: "never forgets a restart",
    find: "as number) < oldestMs",
    replace: "as number) < 0",
  },
];

/**
 * The oracle with a bug planted.
 *
 * @throws {Error} when the text to replace is not in `oracle.ts` exactly once.
 */
export async function loadMutant({ bug, find, replace }: Mutant): Promise<typeof Oracle> {
  const source = await Deno.readTextFile(new URL("./oracle.ts", import.meta.url));
  const parts = source.split(find);
  if (parts.length !== 2) {
    throw new Error(
      `Cannot plant the bug "${bug}": expected its text once: current value is ${
        parts.length - 1
      } times`,
    );
  }
  // The copy lies elsewhere, so its imports are made absolute.
  const mutated = parts.join(replace)
    .replaceAll(/"(\.\/\w+\.ts)"/g, (_, path) => `"${new URL(path, import.meta.url)}"`);
  const file = await Deno.makeTempFile({ prefix: "wick-mutant-", suffix: ".ts" });
  try {
    await Deno.writeTextFile(file, mutated);
    const module: { Oracle: typeof Oracle } = await import(`file://${file}`);
    return module.Oracle;
  } finally {
    await Deno.remove(file);
  }
}
