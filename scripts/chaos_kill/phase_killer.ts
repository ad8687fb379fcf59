/**
 * The side of a kill that is inside: it counts how often a phase is entered and ends its own process
 * there. SIGKILL leaves nobody time for anything, whoever sends it; sent from inside it comes in the
 * very phase, and not a moment later.
 *
 * @module
 */

import { LAST_WORD } from "./phases.ts";

/** After so many waits that outlasted their phase the kill comes on the spot. */
const WAITS_MAX = 10;

/** When a process is to end itself; see `killPlan` in `phases.ts`. */
export interface PhaseKill<Phase extends string> {
  readonly phase: Phase;
  readonly nth: number;
  readonly delayMs: number;
}

/** Ends this process as `kill -9` does. */
export function die(phase: string): never {
  Deno.stderr.writeSync(new TextEncoder().encode(`${LAST_WORD}${phase}\n`));
  Deno.kill(Deno.pid, "SIGKILL");
  // The signal is there; nothing else may happen until it has done its work.
  for (;;);
}

/** Counts entries into the planned phase, and kills. */
export class PhaseKiller<Phase extends string> {
  readonly #plan: PhaseKill<Phase> | null;
  #entered = 0;
  /** Times the phase was entered and not left. */
  #active = 0;
  #waits = 0;
  #isWaiting = false;

  /** With null it only lives. */
  constructor(plan: PhaseKill<Phase> | null) {
    this.#plan = plan;
  }

  /** A phase begins. A phase without duration is entered and never left. */
  enter(phase: Phase): void {
    const plan = this.#plan;
    if (plan === null || plan.phase !== phase) return;
    this.#active++;
    if (++this.#entered < plan.nth || this.#isWaiting) return;
    if (plan.delayMs === 0 || this.#waits === WAITS_MAX) die(phase);
    this.#waits++;
    this.#isWaiting = true;
    setTimeout(() => {
      this.#isWaiting = false;
      if (this.#active > 0) die(phase);
    }, plan.delayMs);
  }

  /** It is over. */
  leave(phase: Phase): void {
    if (this.#plan?.phase === phase && this.#active > 0) this.#active--;
  }
}
