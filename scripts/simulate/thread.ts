/**
 * A thread of `threads.ts`: runs the parts of a campaign that it is given, one after the other.
 *
 * @module
 */

import { parentPort } from "node:worker_threads";
import { type Campaign, runCampaign } from "./campaign.ts";

parentPort?.on("message", async (part: Campaign) => {
  parentPort?.postMessage(await runCampaign(part));
});
