/**
 * The nodes of a campaign: which processes there are, how each is, and what can be done to them.
 *
 * @module
 */

import { type Random, systemClock } from "../../src/actor/clock.ts";
import { pause } from "../../src/actor/clock.ts";
import { type NodeHooks, NodeProcess } from "./node_process.ts";
import { NODES_MAX, oneOf } from "./plan.ts";

/** A node that was told to end and does not within this has failed, ms. */
const LEAVE_LIMIT_MS = 45_000;

/** How a place for a node is. */
export type SlotState = "absent" | "starting" | "up" | "killed" | "paused" | "leaving";

/** A name that a node may have, with its folder. */
export interface Slot {
  readonly name: string;
  readonly data: string;
  state: SlotState;
  process: NodeProcess | null;
  url: string | null;
  /** Processes it had. */
  lives: number;
}

/** How nodes are set up. */
export interface NodesOptions {
  readonly folder: string;
  readonly redis: string;
  readonly prefix: string;
  readonly leaseMs: number;
  readonly random: Random;
  /** How often Redis has gone away or come back. */
  readonly redisTurns: () => number;
  /** Told of what should not have happened. */
  readonly violated: (text: string) => void;
  /** How the processes of a life are hooked; null = the command. */
  readonly hooksOf: (life: number) => NodeHooks | null;
}

/** See the module's text. */
export class Nodes {
  readonly slots: readonly Slot[];
  /** Nodes that gave up to start while Redis was away, and were started again. */
  startedAgain = 0;
  readonly #options: NodesOptions;
  #lives = 0;

  constructor(options: NodesOptions) {
    this.#options = options;
    this.slots = Array.from({ length: NODES_MAX + 1 }, (_, i): Slot => {
      const name = `node-${i + 1}`;
      const data = `${options.folder}/${name}`;
      Deno.mkdirSync(data);
      return { name, data, state: "absent", process: null, url: null, lives: 0 };
    });
  }

  in(...states: readonly SlotState[]): Slot[] {
    return this.slots.filter(({ state }) => states.includes(state));
  }

  /** How all are, and what those said that do not run as they should. */
  text(): string {
    return this.slots.map(({ name, state, process }) => {
      const said = state === "starting" || state === "leaving" ? `\n${process?.said}\n` : "";
      return `${name} ${state}${said}`;
    }).join(", ");
  }

  /** Where a client would send, at random: it does not know that a node sleeps. */
  target(): string | null {
    return oneOf(this.in("up", "paused"), this.#options.random)?.url ?? null;
  }

  /**
   * Starts a node; resolves once it serves. It waits for Redis for some time only: one that gave up
   * is started again, as whoever looks after services does.
   */
  async start(slot: Slot): Promise<void> {
    for (;;) {
      const turns = this.#options.redisTurns();
      const process = this.#begin(slot);
      try {
        slot.url = await process.url;
        if (slot.process === process && slot.state === "starting") slot.state = "up";
        return;
      } catch (error) {
        const { code, signal } = await process.over;
        slot.process = null;
        slot.state = "absent";
        const hasGivenUp = signal === null && code !== 0 && this.#options.redisTurns() !== turns;
        if (!hasGivenUp) throw error;
        this.startedAgain++;
      }
    }
  }

  #begin(slot: Slot): NodeProcess {
    const { redis, prefix, leaseMs, hooksOf } = this.#options;
    const { name, data } = slot;
    slot.state = "starting";
    slot.lives++;
    const hooks = hooksOf(this.#lives++);
    const process = slot.process = new NodeProcess({ name, data, redis, prefix, leaseMs, hooks });
    void process.over.then(({ code, signal }) => {
      // Whoever starts it sees for himself.
      if (slot.process !== process || slot.state === "starting") return;
      slot.process = null;
      if (slot.state === "killed" || slot.state === "leaving") return;
      this.#options.violated(`${name} ended by itself with ${signal ?? code}:\n${process.said}`);
      slot.state = "absent";
    });
    return process;
  }

  /** `kill -9`. */
  async kill(slot: Slot): Promise<void> {
    const { process } = slot;
    slot.state = "killed";
    process?.signal("SIGKILL");
    await process?.over;
    slot.process = null;
  }

  /** Stops a node in its tracks for a while. */
  async pause(slot: Slot, ms: number): Promise<void> {
    const { process } = slot;
    slot.state = "paused";
    process?.signal("SIGSTOP");
    await pause(systemClock, ms);
    process?.signal("SIGCONT");
    if (slot.process === process && process !== null) slot.state = "up";
  }

  /** SIGTERM; its exit code. */
  async leave(slot: Slot): Promise<number> {
    const { process } = slot;
    if (process === null) return 0;
    slot.state = "leaving";
    process.signal("SIGTERM");
    const limit = setTimeout(() => {
      this.#options.violated(`${slot.name} does not leave:\n${process.said}`);
      process.signal("SIGKILL");
    }, LEAVE_LIMIT_MS);
    const { code } = await process.over;
    clearTimeout(limit);
    slot.process = null;
    slot.state = "absent";
    return code;
  }

  /** Makes a folder as of a node that was never there. */
  empty(slot: Slot): void {
    Deno.removeSync(slot.data, { recursive: true });
    Deno.mkdirSync(slot.data);
  }

  /** Ends all, whatever they do. */
  async end(): Promise<void> {
    await Promise.all(this.slots.map(async (slot) => {
      const { process } = slot;
      slot.state = "killed";
      process?.signal("SIGKILL");
      await process?.over;
    }));
  }
}
