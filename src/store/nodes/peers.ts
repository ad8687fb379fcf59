/**
 * Which nodes live, as the actor of this node last heard: it tells, and whoever sends to other nodes
 * or shows them looks here.
 *
 * @module
 */

import type { Peer, Peers } from "../../actor/remote_wire.ts";

export type { Peer, Peers };

/** See the module's text. Listeners are called only when something changed. */
export class PeerList implements Peers {
  #nodes: readonly Peer[] = [];
  readonly #listeners = new Set<() => void>();

  nodes(): readonly Peer[] {
    return this.#nodes;
  }

  watch(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The nodes that live, this one with them or not. Of two lives of one name the last counts. */
  set(nodes: readonly Peer[]): void {
    const lives = new Map(nodes.map(({ node, session }) => [node, session]));
    const isSame = lives.size === this.#nodes.length &&
      this.#nodes.every(({ node, session }) => lives.get(node) === session);
    if (isSame) return;
    this.#nodes = [...lives].map(([node, session]) => ({ node, session }));
    for (const listener of [...this.#listeners]) listener();
  }
}
