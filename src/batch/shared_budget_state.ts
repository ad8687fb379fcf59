/**
 * The rules of a shared budget, as plain values: the twin of the script that Redis runs
 * (`src/store/nodes/shared_budget_script.ts`), step by step the same.
 *
 * Turns (start-time fair queueing, P. Goyal, H. Vin, H. Cheng 1997): each session has a count of
 * what it was granted, and none gets more while another that waits is more than a quantum behind.
 *
 * @module
 */

import {
  BUDGET_BOUNDS,
  type BudgetReply,
  type BudgetSync,
  type BudgetTerms,
  quantumOf,
  type SharedBudget,
} from "./shared_budget.ts";

interface Session {
  number: number;
  reply: BudgetReply;
  /** It may use its permits until then. */
  validMs: number;
  held: number;
  /** Permits that it still waits for. */
  want: number;
  /** When it said it would come again. */
  comesMs: number;
  turn: number;
}

/** Uses of one limit that cool. */
interface Cooling {
  readonly requests: number;
  readonly windowMs: number;
  readonly grainMs: number;
  readonly isTrusted: boolean;
  /** By grain. */
  readonly counts: Map<number, number>;
  total: number;
}

/** See the module's text. */
export class BudgetState {
  readonly #terms: BudgetTerms;
  readonly #quantum: number;
  readonly #limits: Cooling[];
  readonly #sessions = new Map<string, Session>();
  #server: string | null = null;
  #nowMs = -Infinity;
  #turn = 0;
  #pausedUntilMs = 0;
  #reported: number | null = null;

  /** One that knows nothing. */
  constructor(terms: BudgetTerms) {
    this.#terms = terms;
    this.#quantum = quantumOf(terms);
    this.#limits = terms.limits.map(({ requests, windowMs, begin }) => {
      const wideMs = windowMs * (1 + terms.driftRatio);
      return {
        requests,
        windowMs: wideMs,
        grainMs: wideMs / BUDGET_BOUNDS.grains,
        isTrusted: begin === "free",
        counts: new Map(),
        total: 0,
      };
    });
  }

  /** Permits that are counted as used, of each limit. */
  used(): number[] {
    return this.#limits.map(({ total }) => total + this.#held());
  }

  /** Carries a request out at `atMs` of the budget's clock, on the life `server` of it. */
  sync(request: BudgetSync, atMs: number, server: string): BudgetReply {
    const now = this.#nowMs = Math.max(this.#nowMs, atMs);
    const { sessionMs, strayMs } = this.#terms;
    this.#begin(now, server);
    for (const [id, session] of this.#sessions) {
      if (session.validMs + strayMs > now) continue;
      this.#cool(session.held, session.validMs + strayMs);
      this.#sessions.delete(id);
    }
    for (const limit of this.#limits) settle(limit, now);
    const session = this.#sessionOf(request);
    if (session === null) return { state: "lost" };
    session.validMs = now + sessionMs;
    if (session.number === request.number) return session.reply;
    session.number = request.number;
    this.#hear(session, request, now);
    session.reply = this.#answer(session, request, now);
    return session.reply;
  }

  /** Whatever was sent before may be more than is known. */
  #begin(now: number, server: string): void {
    if (this.#server === server) return;
    const isNew = this.#server === null;
    this.#server = server;
    const { sessionMs, strayMs } = this.#terms;
    if (isNew || this.#limits.some(({ isTrusted }) => !isTrusted)) {
      // Who still believes in his session may send until it is over.
      const held = this.#held();
      this.#sessions.clear();
      this.#cool(held, now + sessionMs + strayMs);
    }
    for (const limit of this.#limits) {
      if (limit.isTrusted) continue;
      limit.counts.clear();
      limit.total = 0;
      coolOne(limit, limit.requests, now + sessionMs + strayMs);
    }
  }

  #sessionOf({ session: id, number }: BudgetSync): Session | null {
    const known = this.#sessions.get(id);
    if (known !== undefined) {
      return number === known.number || number === known.number + 1 ? known : null;
    }
    if (number !== 1 || this.#sessions.size >= BUDGET_BOUNDS.sessions) return null;
    const reply: BudgetReply = { state: "lost" };
    const session = { number: 0, reply, validMs: 0, held: 0, want: 0, comesMs: 0, turn: 0 };
    this.#sessions.set(id, session);
    return session;
  }

  #hear(session: Session, { unused, uses, pauseMs, reported }: BudgetSync, now: number): void {
    for (const { ageMs, count } of uses) {
      const known = Math.min(count, session.held);
      session.held -= known;
      this.#cool(known, now - ageMs);
    }
    const back = Math.min(unused, session.held);
    session.held -= back;
    session.turn -= back;
    if (pauseMs > 0) {
      const untilMs = now + Math.min(pauseMs, BUDGET_BOUNDS.pauseMs);
      this.#pausedUntilMs = Math.max(this.#pausedUntilMs, untilMs);
    }
    if (reported !== null && this.#limits.length === 1) this.#reported = reported;
  }

  #answer(session: Session, { want, least }: BudgetSync, now: number): BudgetReply {
    let granted = 0, waitMs = 0;
    if (want > 0) {
      if (session.want === 0) session.turn = Math.max(session.turn, this.#turn);
      let first = Infinity;
      for (const other of this.#sessions.values()) {
        const waits = other !== session && other.want > 0 &&
          other.comesMs + BUDGET_BOUNDS.slackMs >= now;
        if (waits) first = Math.min(first, other.turn);
      }
      if (this.#pausedUntilMs > now) waitMs = this.#pausedUntilMs - now;
      else if (session.turn > first + this.#quantum) waitMs = BUDGET_BOUNDS.turnMs;
      else {
        const free = Math.min(...this.#limits.map((limit) => this.#freeOf(limit)));
        const most = Math.min(want, Math.max(this.#quantum, least));
        granted = Math.max(0, Math.min(most, free));
        if (granted < least) granted = 0;
        this.#turn = Math.max(this.#turn, Math.min(session.turn, first));
        session.held += granted;
        session.turn += granted;
        if (granted < most) waitMs = this.#waitMs(granted === 0 ? least : 1, now);
      }
    }
    waitMs = Math.min(waitMs, BUDGET_BOUNDS.waitMs);
    session.want = want - granted;
    session.comesMs = now + waitMs;
    const pausedMs = Math.max(0, this.#pausedUntilMs - now);
    return { state: "ok", granted, waitMs, pausedMs, reported: this.#reported };
  }

  #freeOf({ requests, total }: Cooling): number {
    return Math.min(requests, this.#reported ?? requests) - total - this.#held();
  }

  /** Until so many are free of every limit, as far as it is known. */
  #waitMs(count: number, now: number): number {
    let waitMs = 0;
    for (const limit of this.#limits) {
      let missing = count - this.#freeOf(limit);
      let atMs = now;
      for (const [grain, cooling] of [...limit.counts].sort(([a], [b]) => a - b)) {
        if (missing <= 0) break;
        missing -= cooling;
        atMs = grain * limit.grainMs + limit.windowMs;
      }
      waitMs = Math.max(waitMs, missing > 0 ? BUDGET_BOUNDS.waitMs : atMs - now);
    }
    return waitMs;
  }

  #held(): number {
    let held = 0;
    for (const session of this.#sessions.values()) held += session.held;
    return held;
  }

  #cool(count: number, atMs: number): void {
    for (const limit of this.#limits) coolOne(limit, count, atMs);
  }
}

function coolOne(limit: Cooling, count: number, atMs: number): void {
  if (count === 0) return;
  const grain = Math.ceil(atMs / limit.grainMs);
  limit.counts.set(grain, (limit.counts.get(grain) ?? 0) + count);
  limit.total += count;
}

/** Frees what was answered a window ago. */
function settle(limit: Cooling, now: number): void {
  const upTo = (now - limit.windowMs) / limit.grainMs;
  for (const [grain, count] of limit.counts) {
    if (grain > upTo) continue;
    limit.total -= count;
    limit.counts.delete(grain);
  }
}

/** A budget in this process, for tests and as the twin of the one in Redis. */
export class MemoryBudget implements SharedBudget {
  readonly #state: BudgetState;
  readonly #nowMs: () => number;
  /** Which life of the server it is: another one may have forgotten something. */
  server = "memory";

  /** One that is full, or free, as its limits say. */
  constructor(readonly terms: BudgetTerms, nowMs: () => number) {
    this.#state = new BudgetState(terms);
    this.#nowMs = nowMs;
  }

  sync(request: BudgetSync): Promise<BudgetReply> {
    return Promise.resolve(this.#state.sync(request, this.#nowMs(), this.server));
  }
}
