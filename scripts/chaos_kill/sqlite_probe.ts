/**
 * Kills inside a transaction of SQLite. Nothing in the store knows of it: statements of this isolate
 * are watched as they run.
 *
 * @module
 */

import { StatementSync } from "node:sqlite";
import { Worker } from "node:worker_threads";
import { die, type PhaseKill } from "./phase_killer.ts";
import { LAST_WORD } from "./phases.ts";

/** Where inside of it: the transaction has begun, something is written, all is, or SQLite commits. */
const PLACES = ["begun", "writing", "written", "committing"] as const;

/** States of the shared word. */
const IDLE = 0, COMMITTING = 1, KILL = 2;

/**
 * Ends the process in a transaction if the plan says so. To be called before the store is opened, in
 * the isolate that runs it. Transactions of the opening count too.
 *
 * - three of four plans end on the spot, between two statements
 * - the fourth ends while SQLite is inside its COMMIT: a thread that does nothing else sends the
 *   signal while the word says that the COMMIT has not returned
 *
 * Only transactions that begin while `isMeant` says so count.
 */
export function killInTransactions(
  plan: PhaseKill<string> | null,
  isMeant: () => boolean = () => true,
): void {
  if (plan === null || plan.phase !== "during_commit") return;
  const place = PLACES[plan.nth % PLACES.length] as (typeof PLACES)[number];
  const word = new Int32Array(new SharedArrayBuffer(4));
  if (place === "committing") startKiller(word);
  let transactions = 0, statements = 0;
  let isCounted = false;
  const run = StatementSync.prototype.run as (...args: unknown[]) => unknown;
  const isDue = () => isCounted && transactions >= plan.nth;
  StatementSync.prototype.run = function (this: StatementSync, ...args: unknown[]) {
    const sql = this.sourceSQL;
    if (sql === "COMMIT" && isDue()) {
      if (place === "written") die("during_commit");
      Atomics.store(word, 0, COMMITTING);
      Atomics.notify(word, 0);
    }
    const result = run.apply(this, args);
    if (sql === "COMMIT") Atomics.compareExchange(word, 0, COMMITTING, IDLE);
    else if (sql.startsWith("BEGIN")) {
      isCounted = isMeant();
      if (isCounted) transactions++;
      statements = 0;
      if (isDue() && place === "begun") die("during_commit");
    } else if (++statements === 1 && isDue() && place === "writing") die("during_commit");
    return result;
  } as typeof StatementSync.prototype.run;
}

function startKiller(word: Int32Array): void {
  const killer = new Worker(new URL("./killer.ts", import.meta.url), {
    workerData: { word, lastWord: `${LAST_WORD}during_commit\n`, states: { COMMITTING, KILL } },
  });
  killer.unref();
}
