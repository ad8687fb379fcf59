/**
 * Who waits for a limit, and whose turn it is: the higher priority first; within one priority users
 * take turns; within one user first come, first served.
 *
 * Turns are those of start-time fair queuing (P. Goyal, H. Vin, H. Cheng, 1996): each grant moves
 * its user on by what it cost, and the user who is least far on is next. Who comes back after a
 * pause, or was held up by a limit of its own, goes on where the others are: nobody saves up turns.
 *
 * @module
 */

/** Lowest priority is 0, the highest, which goes first, 10. */
export const LIMIT_PRIORITY_MAX = 10;

/** What became of a claim; all but `waiting` and `held` are final. */
export type ClaimState = "waiting" | "held" | "released" | "lost" | "unused" | "cancelled";

/** One request's place in the limit, from asking for it to the response. */
export interface Claim {
  /** Counts up from 1 in the order of asking. */
  readonly id: number;
  /** Account at the provider that the request is made with. */
  readonly key: string;
  /** Who competes for the limit: the backfill, the warmer, a user. */
  readonly user: string;
  /** 0 to 10, 10 first. */
  readonly priority: number;
  /** Requests that it counts as at the provider. */
  readonly cost: number;
  /** Monotonic ms. */
  readonly askedMs: number;
  /** Monotonic ms; NaN while it waits. */
  readonly grantedMs: number;
  /** What became of it so far. */
  readonly state: ClaimState;
}

/** A user's turns and counts. */
export class LimitUser {
  /** Claims that wait, of each priority. */
  readonly waiting = new Uint32Array(LIMIT_PRIORITY_MAX + 1);
  /** Claims that wait, of all priorities. */
  waitingTotal = 0;
  /** How far on it is, in cost, in each priority. */
  readonly passes = new Float64Array(LIMIT_PRIORITY_MAX + 1);
  /** Claims granted. */
  granted = 0;
  /** What they cost. */
  grantedCost = 0;
  /** How long they waited in all, ms. */
  waitedMs = 0;
  /** Claims that could not even wait. */
  refused = 0;
  /** Claims given up while they waited. */
  cancelled = 0;

  /** Nothing granted yet. */
  constructor(readonly name: string) {}
}

/** A claim with its place in the queue; {@linkcode Claim} is what others see of it. */
export class QueuedClaim<Lane> implements Claim {
  /** What became of it so far. */
  state: ClaimState = "waiting";
  /** Monotonic ms; NaN while it waits. */
  grantedMs: number = NaN;
  /** Counts up in the order of granting. */
  turn = 0;
  /** Before it in the list of its user. */
  previous: QueuedClaim<Lane> | null = null;
  /** After it in the list of its user. */
  next: QueuedClaim<Lane> | null = null;

  /** Waits from `askedMs` on. */
  constructor(
    readonly id: number,
    readonly key: string,
    readonly owner: LimitUser,
    readonly lane: Lane,
    readonly priority: number,
    readonly cost: number,
    readonly askedMs: number,
  ) {}

  get user(): string {
    return this.owner.name;
  }
}

/** FIFO with removal from anywhere, O(1). */
class ClaimList<Lane> {
  first: QueuedClaim<Lane> | null = null;
  #last: QueuedClaim<Lane> | null = null;

  push(claim: QueuedClaim<Lane>): void {
    claim.previous = this.#last;
    if (this.#last === null) this.first = claim;
    else this.#last.next = claim;
    this.#last = claim;
  }

  remove(claim: QueuedClaim<Lane>): void {
    if (claim.previous === null) this.first = claim.next;
    else claim.previous.next = claim.next;
    if (claim.next === null) this.#last = claim.previous;
    else claim.next.previous = claim.previous;
    claim.previous = claim.next = null;
  }
}

/** How far on the users are who have just had a turn, in each priority. */
export class LimitTurns {
  readonly #floors = new Float64Array(LIMIT_PRIORITY_MAX + 1);

  /** A user begins to wait in a priority. */
  join(user: LimitUser, priority: number): void {
    user.passes[priority] = Math.max(passOf(user, priority), this.#floors[priority] as number);
  }

  /** It is this claim's turn. */
  granted({ owner, priority, cost }: QueuedClaim<unknown>): void {
    const floor = Math.max(passOf(owner, priority), this.#floors[priority] as number);
    this.#floors[priority] = floor;
    owner.passes[priority] = floor + cost;
  }

  /** Whether forgetting what the user had changes nobody's turn. */
  isLevel(user: LimitUser): boolean {
    return user.passes.every((pass, priority) => pass <= (this.#floors[priority] as number));
  }
}

function passOf(user: LimitUser, priority: number): number {
  return user.passes[priority] as number;
}

/** Whether `a` goes before `b`. */
export function goesBefore(a: QueuedClaim<unknown>, b: QueuedClaim<unknown>): boolean {
  if (a.priority !== b.priority) return a.priority > b.priority;
  const ahead = passOf(a.owner, a.priority) - passOf(b.owner, b.priority);
  return ahead < 0 || (ahead === 0 && a.id < b.id);
}

/** The claims that wait for one key. `add` and `remove` are O(1), `best` is O(users waiting). */
export class WaitQueue<Lane> {
  readonly #byPriority = Array.from(
    { length: LIMIT_PRIORITY_MAX + 1 },
    () => new Map<LimitUser, ClaimList<Lane>>(),
  );
  /** Claims that wait. */
  length = 0;

  /** Puts a claim last among those of its user and priority. */
  add(claim: QueuedClaim<Lane>): void {
    const lists = this.#lists(claim.priority);
    let list = lists.get(claim.owner);
    if (list === undefined) lists.set(claim.owner, list = new ClaimList());
    list.push(claim);
    this.length++;
  }

  /** Takes a claim out, wherever it stands. */
  remove(claim: QueuedClaim<Lane>): void {
    const lists = this.#lists(claim.priority);
    const list = lists.get(claim.owner);
    if (list === undefined) return;
    list.remove(claim);
    if (list.first === null) lists.delete(claim.owner);
    this.length--;
  }

  /** Whose turn it is, or null. */
  best(): QueuedClaim<Lane> | null {
    if (this.length === 0) return null;
    for (let priority = LIMIT_PRIORITY_MAX; priority >= 0; priority--) {
      let best: QueuedClaim<Lane> | null = null;
      for (const { first } of this.#lists(priority).values()) {
        if (first !== null && (best === null || goesBefore(first, best))) best = first;
      }
      if (best !== null) return best;
    }
    return null;
  }

  #lists(priority: number): Map<LimitUser, ClaimList<Lane>> {
    return this.#byPriority[priority] as Map<LimitUser, ClaimList<Lane>>;
  }
}
