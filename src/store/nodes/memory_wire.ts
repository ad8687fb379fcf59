/**
 * Wires within one process: for several systems in one, and for tests, which make them lose, hold
 * up, double and turn around what they carry.
 *
 * @module
 */

import type { Clock, Random } from "../../actor/clock.ts";
import { nextTurn } from "../../actor/clock.ts";
import type { Wire, WireListener } from "../../actor/remote_wire.ts";

/** What befalls frames; each a chance from 0 to 1. */
export interface WireFaults {
  /** It never arrives. */
  readonly lose?: number;
  /** It arrives once more, later. */
  readonly double?: number;
  /** It arrives after some of those that were sent after it. */
  readonly turnAround?: number;
  /** Every frame takes so long, ms. */
  readonly delayMs?: number;
  /** Longest extra time of a frame that is doubled or turned around, ms; default 20. */
  readonly lateMs?: number;
}

/** Connects the wires of one process. */
export class MemoryNet {
  /** May be changed at any time; counts for what is sent from then on. */
  faults: WireFaults = {};
  /** Frames that were given to it, and those that it lost. */
  readonly counts = { sent: 0, lost: 0, doubled: 0, turnedAround: 0 };
  readonly #wires = new Map<string, MemoryWire>();

  /** Faults are drawn from `random`, and delays wait on `clock`. */
  constructor(readonly clock: Clock, readonly random: Random) {}

  /** The wire of a session. */
  wire(session: string): MemoryWire {
    const wire = new MemoryWire(this, session);
    this.#wires.set(session, wire);
    return wire;
  }

  /** @internal */
  carry(session: string, bytes: Uint8Array): void {
    const { lose = 0, double = 0, turnAround = 0, delayMs = 0, lateMs = 20 } = this.faults;
    // As over a socket: what the sender does with its bytes afterwards changes nothing.
    const copy = bytes.slice();
    this.counts.sent++;
    if (this.#falls(lose)) {
      this.counts.lost++;
      return;
    }
    const isLate = this.#falls(turnAround);
    if (isLate) this.counts.turnedAround++;
    this.#later(session, copy, delayMs + (isLate ? lateMs * this.random.next() : 0));
    if (!this.#falls(double)) return;
    this.counts.doubled++;
    this.#later(session, copy.slice(), delayMs + lateMs * this.random.next());
  }

  #falls(chance: number): boolean {
    return chance > 0 && this.random.next() < chance;
  }

  #later(session: string, bytes: Uint8Array, delayMs: number): void {
    const arrive = () => this.#wires.get(session)?.arrive(bytes);
    if (delayMs > 0) this.clock.setTimer(delayMs, arrive);
    else nextTurn(arrive);
  }

  /** @internal */
  forget(wire: MemoryWire): void {
    if (this.#wires.get(wire.session) === wire) this.#wires.delete(wire.session);
  }
}

/** See {@linkcode MemoryNet.wire}. */
export class MemoryWire implements Wire {
  readonly lastError = null;
  #isUp = true;
  #hears = true;
  #isClosed = false;
  #listener: WireListener | null = null;

  /** Made by {@linkcode MemoryNet.wire}. */
  constructor(readonly net: MemoryNet, readonly session: string) {}

  get isReady(): boolean {
    return this.#isUp && !this.#isClosed;
  }

  send(session: string, bytes: Uint8Array): void {
    if (this.isReady) this.net.carry(session, bytes);
  }

  listen(listener: WireListener): void {
    this.#listener = listener;
  }

  /** As when the connection is lost: nothing is sent, and what arrives is lost. */
  cut(): void {
    this.#isUp = this.#hears = false;
  }

  /** Only what arrives is lost, as when a subscription is away. */
  deafen(): void {
    this.#hears = false;
  }

  /** Connected again. */
  mend(): void {
    this.#isUp = this.#hears = true;
    this.#listener?.ready();
  }

  /** @internal */
  arrive(bytes: Uint8Array): void {
    if (this.#hears && !this.#isClosed) this.#listener?.message(bytes);
  }

  close(): Promise<void> {
    this.#isClosed = true;
    this.net.forget(this);
    return Promise.resolve();
  }
}
