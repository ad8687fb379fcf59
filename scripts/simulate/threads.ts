/**
 * A campaign over several threads.
 *
 * @module
 */

import { Worker } from "node:worker_threads";
import { addTally, type Campaign, type CampaignTally, emptyTally } from "./campaign.ts";

/** Schedules of one part: a fifth of a second, so that the threads end together. */
const PART_SCHEDULES = 4_000;
/**
 * Space for new objects: a schedule's tree is dead before it is full, so a collection finds next
 * to nothing alive.
 */
const YOUNG_GENERATION_MB = 48;

/**
 * Runs a campaign in `threads` threads.
 *
 * @param onProgress Told after each part of what all parts so far came to.
 * @throws {Error} when a thread dies.
 */
export async function runInThreads(
  campaign: Campaign,
  threads: number,
  onProgress: (tally: CampaignTally) => void = () => {},
): Promise<CampaignTally> {
  const sum = emptyTally();
  let given = 0;
  const nextPart = (): Campaign | null => {
    if (given >= campaign.schedules) return null;
    const schedules = Math.min(PART_SCHEDULES, campaign.schedules - given);
    const part = { ...campaign, seed: (campaign.seed + given) >>> 0, schedules };
    given += schedules;
    return part;
  };
  const runThread = async () => {
    let part = nextPart();
    if (part === null) return;
    const worker = new Worker(new URL("./thread.ts", import.meta.url), {
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
    });
    try {
      for (; part !== null; part = nextPart()) {
        addTally(sum, await answerOf(worker, part));
        onProgress(sum);
      }
    } finally {
      await worker.terminate();
    }
  };
  await Promise.all(Array.from({ length: threads }, runThread));
  return sum;
}

function answerOf(worker: Worker, part: Campaign): Promise<CampaignTally> {
  return new Promise((resolve, reject) => {
    worker.once("error", reject);
    worker.once("message", (tally: CampaignTally) => {
      worker.off("error", reject);
      resolve(tally);
    });
    worker.postMessage(part);
  });
}
