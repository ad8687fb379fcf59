/**
 * The parts of {@linkcode ServicePort} that any actor system answers: its tree and messages, and its
 * dead letters.
 *
 * @module
 */

import { describeProtocol, type Protocol } from "../actor/protocol.ts";
import type { System } from "../actor/system.ts";
import type { LettersPort, TreePort } from "./port.ts";

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

/** The dead letters of a system, asked for as in {@linkcode systemTree}. */
export function systemLetters(system: () => System): LettersPort {
  const letters = () => system().deadLetters;
  return {
    list: ({ afterId, limit, ...filter }) =>
      letters().list(filter, Infinity).filter(({ id }) => id > afterId).slice(0, limit),
    get: (id) => letters().get(id),
    replay(id) {
      const letter = letters().get(id);
      if (letter === null) return null;
      letters().drop(id);
      const accepted = system().replayDeadLetter(letter.path, letter.type, letter.payload);
      return accepted ? "accepted" : "refused";
    },
    drop: (id) => letters().drop(id),
    counts() {
      const { counts, size, evicted } = letters();
      return { counts: { ...counts }, kept: size, evicted };
    },
  };
}
