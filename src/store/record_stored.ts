/**
 * What became of a record that an actor keeps in the store about itself.
 *
 * @module
 */

import { ActorDown } from "../actor/errors.ts";
import type { WriteResult } from "./port.ts";

/**
 * Resolves once the store has done what it was asked to with a record; also when that waits in the
 * mailbox of a store that is being restarted, which does it before anything else.
 *
 * @throws {Error} What the store says that refuses it; as `ask` else.
 */
export async function recordStored(written: Promise<WriteResult>): Promise<void> {
  let result: WriteResult;
  try {
    result = await written;
  } catch (error) {
    if (error instanceof ActorDown) return;
    throw error;
  }
  if (result.state === "refused") throw new Error(result.message);
}
