/**
 * Keeps dead letters in the store, so that they are there after a restart. It listens to the system's
 * dead letters and writes what came in batches; what cannot be written is counted and left out, for
 * the letters of a full disk must not fill the memory.
 *
 * @module
 */

import { actor, type DeadLetter, type Ref, type System, textOf } from "../src/actor/mod.ts";
import { LETTER_BOUNDS, type NewLetter } from "../src/store/port.ts";
import { Letters, type Store } from "./protocols.ts";

/** Whose letters are kept, and where. */
export interface LettersArgs {
  readonly store: Ref<typeof Store.definition>;
  readonly system: System;
}

/** Between writes: a crash of the process costs the letters of so long. */
const WRITE_EVERY_MS = 1_000;
/** Letters that wait for a write; a flood beyond them is counted only. */
const WAITING_MAX = 1_000;
/** Stopping does not wait longer for the last write. */
const WRITE = { timeoutMs: 2_000 } as const;
/** Accounted bytes above which JSON is certainly above its bound, whatever it holds. */
const PAYLOAD_BYTES_MAX = 4 * LETTER_BOUNDS.payloadChars;

/** See {@linkcode Letters}. */
export const letters = actor(Letters, (ctx, { store, system }: LettersArgs) => {
  let waiting: NewLetter[] = [];
  let written = 0, left = 0;
  const take = (letter: DeadLetter) => {
    // A letter about the keeping of letters would bring the next one.
    if (letter.path === ctx.path) return;
    if (waiting.length >= WAITING_MAX) left++;
    else waiting.push(newLetter(letter));
  };
  const write = async () => {
    if (waiting.length === 0) return;
    const batch = waiting;
    waiting = [];
    const result = await store.ask("buryLetters", { letters: batch }, WRITE)
      .catch((error) => ({ state: "refused" as const, message: textOf(error) }));
    if (result.state === "written") written += batch.length;
    else {
      left += batch.length;
      ctx.log("warn", "dead letters could not be kept", { reason: result.message });
    }
  };
  const unsubscribe = system.deadLetters.subscribe(take);
  ctx.onStop(() => {
    unsubscribe();
    return write();
  });
  ctx.timer("write", { delayMs: WRITE_EVERY_MS, everyMs: WRITE_EVERY_MS }, "write", {});
  return {
    write,
    status: () => ({ written, left, waiting: waiting.length }),
  };
});

function newLetter(letter: DeadLetter): NewLetter {
  return {
    atMs: letter.at,
    path: letter.path,
    type: letter.type,
    reason: letter.reason,
    error: letter.error,
    payload: letter.bytes > PAYLOAD_BYTES_MAX ? null : jsonOf(letter.payload),
  };
}

/** Null for what JSON cannot hold or what is above the bound. */
function jsonOf(payload: unknown): string | null {
  try {
    const json = JSON.stringify(
      payload,
      (_key, value) => ArrayBuffer.isView(value) ? [...value as Float64Array] : value,
    );
    return json === undefined || json.length > LETTER_BOUNDS.payloadChars ? null : json;
  } catch {
    return null;
  }
}
