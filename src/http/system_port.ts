/**
 * The parts of {@linkcode ServicePort} that any actor system answers: its tree and messages, and its
 * dead letters.
 *
 * @module
 */

import type { DeadLetter, DeadLetterFilter } from "../actor/dead_letters.ts";
import { describeProtocol, type Protocol } from "../actor/protocol.ts";
import { MailboxNode } from "../actor/mailbox_node.ts";
import type { Node } from "../actor/node.ts";
import { SupervisorNode } from "../actor/supervisor.ts";
import type { System } from "../actor/system.ts";
import type { KeptLetter, LettersPort, PlannedReplay, Replayed, TreePort } from "./port.ts";

/**
 * The tree of a system; `protocols` are those that its actors may have, beside those that actors
 * which live turn out to have: whoever embeds a tree adds actors of their own. The system is asked
 * for at every call: the actor that serves it starts while the system is being made.
 */
export function systemTree(system: () => System, protocols: readonly Protocol[]): TreePort {
  const described = new Map(protocols.map((one) => [one.name, describeProtocol(one)]));
  const learn = (node: Node): void => {
    if (node instanceof MailboxNode && !described.has(node.protocol.name)) {
      described.set(node.protocol.name, describeProtocol(node.protocol));
    }
    if (node instanceof SupervisorNode) node.children.forEach(learn);
  };
  const isChild = (path: string) => {
    const node = system().nodeAt(path);
    return node !== null && node !== system().root;
  };
  return {
    tree: () => system().tree(),
    protocols() {
      learn(system().root);
      return [...described.values()];
    },
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
    restarts(query) {
      const { restarts } = system();
      return { records: restarts.list(query), total: restarts.total, kept: restarts.kept };
    },
  };
}

/** The dead letters that a system has in memory, asked for as in {@linkcode systemTree}. */
export function systemLetters(system: () => System): LettersPort {
  const letters = () => system().deadLetters;
  return {
    list({ afterId, beforeId = Infinity, isLatestFirst = false, limit, ...filter }) {
      // Another reason than those of the runtime is that of no letter.
      const found = letters().list(filter as DeadLetterFilter, Infinity)
        .filter(({ id }) => id > afterId && id < beforeId);
      return (isLatestFirst ? found.reverse() : found).slice(0, limit).map(shown);
    },
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
    plan: (ids) =>
      ids.flatMap((id): PlannedReplay[] => {
        const letter = letters().get(id);
        if (letter === null) return [];
        const { path, type, payload } = letter;
        return [{
          id,
          path,
          type,
          problem: system().replayProblem(path, type, payload, "as_sent"),
        }];
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
