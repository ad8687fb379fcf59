/**
 * The users of a limiter: so many at a time, the rest summed up.
 *
 * @module
 */

import { type LimitTurns, LimitUser } from "./limit_queue.ts";

/** Users by name, bounded. Who does not wait and has no turn to come makes room for a new one. */
export class LimitUsers {
  readonly #users = new Map<string, LimitUser>();
  /** Counts of those who made room. */
  readonly others = new LimitUser("others");

  /** Knows `usersMax` users at a time. */
  constructor(readonly usersMax: number, readonly turns: LimitTurns) {}

  /** The user of this name; null when there is no room for a new one. O(users) when it is full. */
  get(name: string): LimitUser | null {
    const known = this.#users.get(name);
    if (known !== undefined) return known;
    if (this.#users.size >= this.usersMax && !this.#makeRoom()) return null;
    const user = new LimitUser(name);
    this.#users.set(name, user);
    return user;
  }

  /** All that are known, and the sum of those who are not. */
  all(): LimitUser[] {
    const known = [...this.#users.values()];
    const { granted, refused, cancelled } = this.others;
    return granted + refused + cancelled > 0 ? [...known, this.others] : known;
  }

  #makeRoom(): boolean {
    const idle = [...this.#users.values()].filter(({ waitingTotal }) => waitingTotal === 0);
    const gone = idle.find((user) => this.turns.isLevel(user)) ?? idle[0];
    if (gone === undefined) return false;
    this.others.granted += gone.granted;
    this.others.grantedCost += gone.grantedCost;
    this.others.waitedMs += gone.waitedMs;
    this.others.refused += gone.refused;
    this.others.cancelled += gone.cancelled;
    this.#users.delete(gone.name);
    return true;
  }
}
