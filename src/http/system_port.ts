/**
 * The parts of {@linkcode ServicePort} that any actor system answers: its tree and messages, and its
 * dead letters.
 *
 * @module
 */

import type { DeadLetter, DeadLetterFilter } from "../actor/dead_letters.ts";
import { describeProtocol, type Protocol } from "../actor/protocol.ts";
import type { System } from "../actor/system.ts";
import type { KeptLetter, LettersPort, Replayed, TreePort } from "./port.ts";

/**
 * The tree of a system; `protocols` are all that its actors may have. The system is asked for at
 * every call: the actor that serves it starts while the system is being made.
 */
export function systemTree(system: () => System, protocols: readonly Protocol[]): TreePort {
  const described = protocols.map(describeProtocol);
  const isChild = (path: string) => {
    const node = system().nodeAt(path);
    return node !== null && node !== system().root;
  };
  return {
    tree: () => system().tree(),
    protocols: () => described,
    tell: (path, type, payload) => system().tellFromOutside(path, type, payload),
    ask: (path, type, payload, timeoutMs) =>
      system().askFromOutside(path, type, payload, { timeoutMs }),
    restart(path) {
      if (!isChild(path)) return false;
      system().restart(path);
      return true;
    },
    async stop(path) {
      if (!isChild(path)) return false;
      await system().stopAt(path);
      return true;
    },
  };
}

/** The dead letters that a system has in memory, asked for as in {@linkcode systemTree}. */
export function systemLetters(system: () => System): LettersPort {
  const letters = () => system().deadLetters;
  return {
    list: ({ afterId, limit, ...filter }) =>
      // Another reason than those of the runtime is that of no letter.
      letters().list(filter as DeadLetterFilter, Infinity).filter(({ id }) => id > afterId)
        .slice(0, limit).map(shown),
    get(id) {
      const letter = letters().get(id);
      return letter === null ? null : shown(letter);
    },
    replay: (ids) =>
      ids.map((id): Replayed => {
        const letter = letters().get(id);
        if (letter === null) return { id, state: "unknown" };
        letters().drop(id);
        const isTaken = system().replayDeadLetter(letter.path, letter.type, letter.payload);
        return { id, state: isTaken ? "accepted" : "refused" };
      }),
    drop: (ids) => ids.filter((id) => letters().drop(id)).length,
    counts() {
      const { counts, size, evicted } = letters();
      return { counts: { ...counts }, kept: size, evicted };
    },
  };
}

function shown(letter: DeadLetter): KeptLetter {
  return { ...letter, replay: "as_sent" };
}
