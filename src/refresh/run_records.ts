/**
 * Records of runs: where they are kept and under which names, and which writings of a run's inputs are
 * under way. Those are noted before the first part is written, or the first
 * dropped, and struck out when the records are as they should be. A process that begins finds here
 * what one that died has left, which no head names any more.
 *
 * @module
 */

import { errorText } from "./fallback.ts";

/** Kinds of records, by what they hold. */
export const RUN_RECORDS = {
  head: "refresh_run",
  state: "refresh_state",
  part: "refresh_part",
  /** Writings under way. */
  writing: "refresh_writing",
} as const;

/** Where records are kept. */
export interface RunRecords {
  /** Writes or replaces one; rejects when it is not kept. */
  put(kind: string, key: string, json: string): Promise<void>;
  /** Drops one; rejects when it is not dropped. */
  drop(kind: string, key: string): Promise<void>;
  /** One, or null. */
  get(kind: string, key: string): Promise<string | null>;
  /** All of a kind. */
  all(kind: string): Promise<readonly { readonly key: string; readonly json: string }[]>;
}

/** Key of a part of a run's inputs. */
export const partKey = (runId: string, writing: number, part: number): string =>
  `${runId}/${writing}/${part}`;

/** Notes writings of a run: its parts may be there, and no head may name them. */
export async function noteWritings(
  records: RunRecords,
  runId: string,
  writings: readonly number[],
): Promise<void> {
  await records.put(RUN_RECORDS.writing, runId, JSON.stringify(writings));
}

/** Its records are as they should be. */
export async function strikeWritings(records: RunRecords, runId: string): Promise<void> {
  await records.drop(RUN_RECORDS.writing, runId);
}

/** Drops parts, the last first: what is left if it does not come to its end is the first of them. */
export async function dropParts(
  records: RunRecords,
  runId: string,
  writing: number,
  parts: { readonly from: number; readonly to: number },
): Promise<void> {
  for (let part = parts.to - 1; part >= parts.from; part--) {
    await records.drop(RUN_RECORDS.part, partKey(runId, writing, part));
  }
}

/**
 * Drops parts that no head names, by the notes of a process that died. `heads` says which writing the head
 * of a run names; null = its head cannot be read, and its parts stay for whoever looks at it. What
 * cannot be dropped is at the next start. Never rejects. O(parts that are left).
 */
export async function sweepWritings(
  records: RunRecords,
  heads: ReadonlyMap<string, number | null>,
  failed: (runId: string, reason: string) => void,
): Promise<void> {
  const notes = await records.all(RUN_RECORDS.writing).catch(() => []);
  for (const { key: runId, json } of notes) {
    const named = heads.get(runId);
    if (named === null) continue;
    try {
      for (const writing of writingsIn(json)) {
        if (writing === named) continue;
        let to = 0;
        while (await records.get(RUN_RECORDS.part, partKey(runId, writing, to)) !== null) to++;
        await dropParts(records, runId, writing, { from: 0, to });
      }
      await strikeWritings(records, runId);
    } catch (error) {
      failed(runId, errorText(error));
    }
  }
}

function writingsIn(json: string): readonly number[] {
  const writings: unknown = JSON.parse(json);
  return Array.isArray(writings) ? writings.filter(Number.isSafeInteger) : [];
}
