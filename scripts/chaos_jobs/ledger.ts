/**
 * What a database says about a job, beside the job: triggers count how often each item was committed,
 * in the transaction that does it, so that they know what no log of a process could.
 *
 * @module
 */

import { DatabaseSync } from "node:sqlite";
import { DEFAULT_PARAMS, paramHash } from "../../src/label/params.ts";
import { SqliteStore } from "../../src/store/sqlite_store.ts";
import { dumpLines } from "../chaos_kill/dump.ts";

/** Where the database of a folder is. */
export function databaseIn(data: string): string {
  return `${data}/wick.db`;
}

/** Makes the database and sets the counts up in it. */
export async function prepare(data: string): Promise<void> {
  await new SqliteStore({ path: databaseIn(data) }).close();
  using db = new DatabaseSync(databaseIn(data));
  db.exec("CREATE TABLE chaos_counts(item TEXT PRIMARY KEY, times INTEGER NOT NULL)");
  for (const event of ["INSERT", "UPDATE"]) {
    db.exec(
      `CREATE TRIGGER chaos_${event} AFTER ${event} ON records WHEN NEW.kind LIKE 'fetched:%' ` +
        "BEGIN INSERT INTO chaos_counts VALUES (substr(NEW.kind, 9) || ' ' || NEW.key, 1) " +
        "ON CONFLICT(item) DO UPDATE SET times = times + 1; END",
    );
  }
}

/** What is settled. */
export interface Settled {
  /** Items whose data was committed, as `kind symbol`, and how often. */
  readonly committed: ReadonlyMap<string, number>;
  /** Items given up, and how often. */
  readonly buried: ReadonlyMap<string, number>;
}

/** Looks into the database of a process that is gone. */
export function settledIn(data: string): Settled {
  using db = new DatabaseSync(databaseIn(data));
  const committed = new Map<string, number>();
  for (const { item, times } of db.prepare("SELECT item, times FROM chaos_counts").all()) {
    committed.set(String(item), Number(times));
  }
  const buried = new Map<string, number>();
  const letters = db.prepare("SELECT payload FROM letters WHERE reason = 'item_failed'");
  for (const { payload } of letters.all()) {
    const { job } = JSON.parse(String(payload));
    const item = `${job.kinds[0]} ${job.symbols[0]}`;
    buried.set(item, (buried.get(item) ?? 0) + 1);
  }
  return { committed, buried };
}

/**
 * All that a job left, as text that can be compared: candles, labels with their revisions, data. Of
 * cursor, plan and checkpoints the state that they must be in, since their words hold the time.
 */
export async function outcomeOf(data: string): Promise<string[]> {
  const store = new SqliteStore({ path: databaseIn(data) });
  try {
    const lines: string[] = [];
    for await (const line of dumpLines(store, paramHash(DEFAULT_PARAMS))) {
      if (!line.startsWith("cursor")) lines.push(line.trimEnd());
    }
    for (const kind of ["dividends", "profiles"]) {
      for (const { key, json } of store.records(`data:${kind}`)) {
        lines.push(`data ${kind} ${key} ${JSON.stringify(JSON.parse(json).value)}`);
      }
    }
    for (const kind of ["prices", "dividends", "profiles"]) {
      for (const { key, json } of store.records(`fetched:${kind}`)) {
        const { atMs, ...more } = JSON.parse(json);
        lines.push(`fetched ${kind} ${key} ${atMs > 0} ${JSON.stringify(more)}`);
      }
    }
    // Without the tries: which call meets a passing failure hangs on the order of all calls.
    const letters = store.letters({}, 1_000).map(({ type, reason, error }) =>
      `letter ${type} ${reason} ${error?.replace(/, \d+ tries:/, ":")}`
    );
    for (const { key, json } of store.records("job")) {
      const { state, items, settled, failed, runId } = JSON.parse(json);
      lines.push(`job ${key} ${state} ${items} ${settled} ${failed}`);
      const cursor = store.cursor(`job/${key}`)?.split("#")[0];
      lines.push(`cursor of its run: ${cursor === runId}`);
      const reports = store.records("job_report").map((record) => JSON.parse(record.json));
      for (const { run_summary } of reports) {
        const { run_id, items_ok, items_failed } = run_summary;
        lines.push(`report of its run: ${run_id === runId} ${items_ok} ${items_failed}`);
      }
    }
    for (const kind of ["job_plan", "checkpoint"]) {
      lines.push(`${kind}: ${store.records(kind).length} left`);
    }
    return [...lines, ...letters.sort()];
  } finally {
    await store.close();
  }
}

/** The log of calls of a folder: what each asked for, as `kind symbol`. */
export function callsIn(data: string, fromByte: number): { calls: string[][]; bytes: number } {
  let text: string;
  try {
    text = Deno.readTextFileSync(`${data}/calls`);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    text = "";
  }
  const lines = text.slice(fromByte).split("\n").filter((line) => line !== "");
  const calls = lines.map((line) => {
    const [kind, ...symbols] = line.split(" ");
    return symbols.map((symbol) => `${kind} ${symbol}`);
  });
  return { calls, bytes: text.length };
}
