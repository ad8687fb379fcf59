/** A group in memory with as little of a log as the decisions of nodes need: positions only. */

import type { Clock } from "../../../src/actor/clock.ts";
import { MemoryGroup } from "../../../src/store/log/memory_group.ts";
import type {
  Beat,
  Fence,
  GroupListener,
  GroupView,
  Handed,
  NodeInfo,
  Taken,
  Transfer,
} from "../../../src/store/log/port.ts";

export class FakeGroup {
  readonly #group: MemoryGroup;
  // The group's own are microtasks, which a history in one go never gets to.
  readonly #listeners = new Set<GroupListener>();
  position = 0;
  /** Last entry of each partition. */
  readonly lastOf = new Map<number, number>();

  constructor(clock: Clock) {
    this.#group = new MemoryGroup(() => clock.now());
  }

  view(): GroupView {
    return {
      ...this.#group.view(),
      ...{ position: this.position, firstPosition: 1, bytes: 0, snapshot: null },
    };
  }

  beat(info: NodeInfo, leaseMs: number): Beat {
    const before = this.#group.view().nodes.length;
    const refusal = this.#group.beat(info, leaseMs);
    if (this.#group.view().nodes.length !== before) this.#changed();
    return refusal ?? { state: "alive", view: this.view() };
  }

  /** Whether the commit was let in. */
  append(fences: readonly Fence[]): boolean {
    if (this.#group.lost(fences).length > 0) return false;
    this.position++;
    for (const { partition } of fences) this.lastOf.set(partition, this.position);
    return true;
  }

  take(session: string, partitions: readonly number[]): Taken {
    const fences = this.#group.take(session, partitions);
    this.#changed();
    return { fences, position: this.position };
  }

  handOver(transfers: readonly Transfer[]): Taken {
    const { position } = this;
    const fences = this.#group.handOver(transfers, position);
    const given = new Set(fences.map(({ partition }) => partition));
    const owners = this.#group.view().owners.filter(({ partition }) => given.has(partition));
    for (const session of new Set(owners.map((owner) => owner.session))) {
      const own = owners.filter((owner) => owner.session === session)
        .map(({ partition, token }) => ({ partition, token }));
      this.#changed({ session, taken: { fences: own, position } });
    }
    return { fences, position };
  }

  release(fences: readonly Fence[]): void {
    this.#group.release(fences);
    this.#changed();
  }

  leave(session: string): void {
    this.#group.leave(session);
    this.#changed();
  }

  onGroupChange(listener: GroupListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #changed(handed: Handed | null = null): void {
    for (const listener of this.#listeners) listener(handed);
  }
}
