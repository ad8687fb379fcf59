/**
 * Which record of a job counts, where the next one goes, and which are cleared away.
 *
 * @module
 */

import { type Checkpoint, decodeCheckpoint } from "./job_checkpoint.ts";

/** The two records of a job, written in turns. */
export const GENERATIONS = ["a", "b"] as const;

/** See {@linkcode GENERATIONS}. */
export type Generation = (typeof GENERATIONS)[number];

/** The record that a checkpoint of this serial number is written to. */
export function generationOf(serial: number): Generation {
  return serial % 2 === 0 ? "a" : "b";
}

/** A record as it lies in the store. */
export interface StoredCheckpoint {
  /** What names it there, for messages. */
  readonly key: string;
  /** Its text. */
  readonly text: string;
}

/** Whose checkpoint is wanted. */
export interface CheckpointOwner {
  /** Name of the job. */
  readonly job: string;
  /** Hash of its plan. */
  readonly plan: string;
}

/** The record to go on from, and what is wrong with the others. */
export interface LatestGood {
  /** Null when there is none: the job begins at its beginning. */
  readonly checkpoint: Checkpoint | null;
  /** Records that are damaged or of another job or plan, each with the reason. */
  readonly refused: readonly { readonly key: string; readonly why: string }[];
}

/**
 * The newest record of a job and plan that is whole, by serial number. O(length). A record of
 * another name or plan is refused: its items are not these items.
 */
export function latestGood(
  records: readonly StoredCheckpoint[],
  owner: CheckpointOwner,
): LatestGood {
  let checkpoint: Checkpoint | null = null;
  const refused: { key: string; why: string }[] = [];
  for (const { key, text } of records) {
    const decoded = decodeCheckpoint(text);
    const why = decoded.ok ? foreign(decoded.checkpoint, owner) : decoded.why;
    if (!decoded.ok || why !== null) refused.push({ key, why: why ?? "" });
    else if (checkpoint === null || decoded.checkpoint.serial > checkpoint.serial) {
      checkpoint = decoded.checkpoint;
    }
  }
  return { checkpoint, refused };
}

function foreign({ job, plan }: CheckpointOwner, owner: CheckpointOwner): string | null {
  if (job !== owner.job) {
    return `expected job ${owner.job}: current value is ${job}`;
  }
  return plan === owner.plan ? null : `expected plan ${owner.plan}: current value is ${plan}`;
}

/** Checkpoints are kept for so long after they were written. */
export const CHECKPOINT_KEPT_MS = 7 * 86_400_000;

/** A record as the clean-up sees it. */
export interface CheckpointAge {
  /** What names it in the store. */
  readonly key: string;
  /** Name of its job. */
  readonly job: string;
  /** When it was written, epoch ms. */
  readonly savedMs: number;
}

/**
 * Keys of the records to delete: those written {@linkcode CHECKPOINT_KEPT_MS} ago or earlier,
 * except of jobs that are `alive`: running, paused, or waiting to go on. A record from the future
 * stays.
 */
export function expiredCheckpoints(
  records: readonly CheckpointAge[],
  alive: ReadonlySet<string>,
  nowMs: number,
): string[] {
  return records
    .filter(({ job, savedMs }) => !alive.has(job) && nowMs - savedMs >= CHECKPOINT_KEPT_MS)
    .map(({ key }) => key);
}
