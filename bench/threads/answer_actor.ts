/**
 * The actor that answers in the benches, here or in a thread.
 *
 * @module
 */

import { z } from "zod";
import { actor, protocol } from "../../src/actor/mod.ts";

/** Replies with the successor of a number. */
export const Answerer = protocol("answerer", {
  next: { payload: z.strictObject({ n: z.number() }), reply: z.number() },
});

/** See {@linkcode Answerer}. */
export const answerer = actor(Answerer, () => ({ next: ({ n }) => n + 1 }));
