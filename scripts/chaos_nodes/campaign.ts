/**
 * Several nodes that are killed, stopped, joined and left, and whose Redis is killed, while candles
 * come in by all of them; and one process over the same candles to which nothing happens.
 *
 * @module
 */

import { pause, type Random, seededRandom, systemClock } from "../../src/actor/clock.ts";
import { nodesReply, type NodesView } from "../../src/http/node_schemas.ts";
import { Inputs } from "./inputs.ts";
import type { NodeHooks } from "./node_process.ts";
import { Nodes, type Slot } from "./nodes.ts";
import { heldByCopy, unkilled } from "./oracle.ts";
import { type ChaosEvent, EVENTS, NODES, oneOf, planOf } from "./plan.ts";
import type { OwnerFindings } from "./owners.ts";
import { Pushers } from "./pusher.ts";
import {
  differenceText,
  isRight,
  ROW_KINDS,
  type RowDifference,
  rowDifference,
  type SeriesRows,
} from "./rows.ts";
import { Servers } from "./servers.ts";
import { NodeSubscriber } from "./subscriber.ts";
import { Watcher } from "./watcher.ts";

/** How a campaign is set up. */
export interface NodesCampaignOptions {
  readonly labels: number;
  /** How much happens, or what. */
  readonly events: number | readonly ChaosEvent[];
  readonly seed: number;
  /** `off`: the log checks no tokens. */
  readonly fence: "checked" | "off";
  readonly isCluster: boolean;
  readonly leaseMs: number;
  /** Ends the events early, once enough was found; never unless given. */
  readonly isEnough?: (owners: OwnerFindings, inLog: SeriesRows) => boolean;
  /** Told of progress. */
  readonly onLine?: (line: string) => void;
}

/** What went on when something happened. */
export const PHASES = [
  "redis down",
  "taking over",
  "moving",
  "starting",
  "labelling",
  "idle",
] as const;

/** See {@linkcode PHASES}. */
export type NodesPhase = (typeof PHASES)[number];

/** What came of it. */
export interface NodesCampaignResult {
  readonly events: Readonly<Record<ChaosEvent, number>>;
  readonly phases: Readonly<Record<NodesPhase, number>>;
  /** Whether the commits in the log are by the owners of what they write to. */
  readonly owners: OwnerFindings;
  /**
   * What the commits of the log hold beyond, or without, what they should, whatever copies think of
   * them; null = it was not read whole.
   */
  readonly inLog: RowDifference | null;
  /** First steps of labels that copies were not told of, since both came at once. */
  readonly halves: number;
  /** What is wrong with the nodes, their copies, and what a subscriber was sent. */
  readonly violations: readonly string[];
  readonly taken: readonly number[];
  /** Crashes of nodes that were back before anybody had taken over. */
  readonly untaken: number;
  readonly takeOvers: readonly number[];
  readonly handOvers: readonly number[];
  readonly moves: Readonly<Record<string, number>>;
  readonly candles: number;
  readonly labels: number;
  readonly logRows: number;
  readonly copies: number;
  readonly lives: number;
  /** See {@linkcode Nodes.startedAgain}. */
  readonly startedAgain: number;
  readonly commits: number;
  readonly requests: number;
  readonly unanswered: number;
  readonly refused: number;
  readonly subscriberChanges: number;
}

const PREFIX = "chaos";
/**
 * Labels flow over the whole run: each event gets its share of candles, of which two thirds may be sent
 * within this, ms, and the rest ever more slowly.
 */
const EVENT_SPAN_MS = 2_500;
/** Longest time after what happened until something else is about to, ms. */
const GAP_MS = 1_000;
/** Share of them that comes at once, just before something happens, so that it happens to work. */
const BURST_SHARE = 0.5;
/** Commits of the node after which it happens, and time after which it happens without, ms. */
const BURST_COMMITS = 6;
const BURST_MS = 400;
/** Nodes that do not come to an end of their work within this have failed, ms. */
const SETTLE_LIMIT_MS = 100_000;
/** What cannot happen for so long is told of, ms: a node that starts takes two seconds. */
const WAIT_SAID_MS = 10_000;
/** A node that is up and no member of the group for so long has fallen out of it, ms. */
const ABSENT_MAX_MS = 5_000;
/** Between two looks whether one is, ms. */
const MEMBERS_EVERY_MS = 200;
/** Between two looks whether all are at the end, ms. */
const QUIET_MS = 300;
/** Bytes of the log from which every other life of a node makes a snapshot. */
const SNAPSHOT_BYTES = 8 * 1024 * 1024;
/** Partitions that were moved are told of so long, ms, when it is asked what goes on. */
const MOVING_MS = 250;
const LABELLING_MS = 50;

/** Runs a campaign. */
export async function runNodesCampaign(
  options: NodesCampaignOptions,
): Promise<NodesCampaignResult> {
  const folder = await Deno.makeTempDir({ prefix: "wick_chaos_nodes_" });
  try {
    await using servers = await Servers.start(options.isCluster);
    const campaign = new Campaign(options, folder, servers);
    try {
      return await campaign.run();
    } finally {
      await campaign.end();
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

class Campaign {
  readonly #options: NodesCampaignOptions;
  readonly #servers: Servers;
  readonly #random: Random;
  readonly #plan: readonly ChaosEvent[];
  readonly #inputs: Inputs;
  readonly #nodes: Nodes;
  readonly #watcher: Watcher;
  readonly #pushers: Pushers;
  readonly #subscriber: NodeSubscriber;
  readonly #violations: string[] = [];
  readonly #events = countsOf(EVENTS);
  readonly #phases = countsOf(PHASES);
  /** What recovers from events. */
  readonly #recovering = new Set<Promise<void>>();
  /** Since when nodes that are up are no members, ms; Infinity once it was told. */
  readonly #absentSinceMs = new Map<Slot, number>();
  #isRedisDown = false;
  #isBurst = false;
  /** How often Redis went or came back: a node that leaves or starts meanwhile may not end well. */
  #redisTurns = 0;
  #done = 0;
  #eventSinceMs = 0;
  #isOver = false;
  #halves = 0;

  constructor(options: NodesCampaignOptions, folder: string, servers: Servers) {
    const { labels, seed, events, fence, leaseMs } = options;
    this.#options = options;
    this.#servers = servers;
    this.#random = seededRandom(seed);
    this.#plan = typeof events === "number" ? planOf(events, this.#random) : events;
    this.#inputs = new Inputs(labels, seed);
    const clients = seededRandom(seed + 1);
    const hooks: NodeHooks = { fence, snapshotBytes: SNAPSHOT_BYTES };
    // Without fences nothing is given up of the log, so that all of it is looked at.
    const unfenced: NodeHooks = { fence, snapshotBytes: Number.MAX_SAFE_INTEGER };
    this.#nodes = new Nodes({
      ...{ folder, redis: servers.url, prefix: PREFIX, leaseMs, random: clients },
      redisTurns: () => this.#redisTurns,
      violated: (text) => this.#violated(text),
      hooksOf: (life) => fence === "off" ? unfenced : life % 2 === 0 ? null : hooks,
    });
    this.#watcher = new Watcher(servers.url, PREFIX, leaseMs);
    const target = () => this.#nodes.target();
    this.#pushers = new Pushers({
      ...{ inputs: this.#inputs, random: clients, target },
      allowed: () => this.#allowed(),
    });
    this.#subscriber = new NodeSubscriber(target, clients);
  }

  async run(): Promise<NodesCampaignResult> {
    await Promise.all(this.#nodes.slots.slice(0, NODES).map((slot) => this.#nodes.start(slot)));
    this.#watcher.start();
    const looking = setInterval(() => this.#lookForAbsent(), MEMBERS_EVERY_MS);
    try {
      return await this.#runEvents();
    } finally {
      clearInterval(looking);
    }
  }

  async #runEvents(): Promise<NodesCampaignResult> {
    const pushing = this.#pushers.run();
    const reading = this.#subscriber.run();
    pushing.catch(() => {});
    for (const event of this.#plan) {
      const { owners, rows } = this.#watcher;
      if (this.#options.isEnough?.(owners.findings, rows) === true) break;
      await this.#happen(event);
    }
    this.#isOver = true;
    await Promise.all(this.#recovering);
    this.#say("all events happened; the rest of the candles");
    await within(pushing, SETTLE_LIMIT_MS, "the last candles are acknowledged");
    await this.#settled();
    const expected = await unkilled(this.#inputs);
    this.#subscriber.stop();
    await reading;
    return await this.#outcome(expected);
  }

  /** Lets go of everything, also after a failure. */
  async end(): Promise<void> {
    this.#pushers.stop();
    this.#subscriber.stop();
    await this.#nodes.end();
    await this.#watcher.stop().catch(() => {});
  }

  /** Something is wrong; it is told of at once, since what follows may never come to an end. */
  #violated(text: string): void {
    this.#violations.push(text);
    this.#say(`  WRONG after ${this.#done} events: ${text}`);
  }

  #say(line: string): void {
    this.#options.onLine?.(line);
  }

  /** Candles that may have been sent by now; those without labels all at once. */
  #allowed(): number {
    const { rows, rowsBeforeLabels } = this.#inputs;
    if (this.#isOver) return rows;
    const passed = 1 - Math.exp((this.#eventSinceMs - systemClock.now()) / EVENT_SPAN_MS);
    const share = this.#isBurst ? 1 : passed * (1 - BURST_SHARE);
    const part = (this.#done + share) / (this.#plan.length + 1);
    return rowsBeforeLabels + (rows - rowsBeforeLabels) * part;
  }

  // ---- events ---------------------------------------------------------------------------------------

  async #happen(event: ChaosEvent): Promise<void> {
    const random = this.#random;
    this.#eventSinceMs = systemClock.now();
    // Half of them come while the one before is not over.
    const isAfter = random.next() < 0.5;
    const saying = setInterval(() => this.#sayWait(event), WAIT_SAID_MS);
    try {
      if (isAfter) await Promise.all(this.#recovering);
      await pause(systemClock, GAP_MS * (0.1 + 0.9 * random.next()));
      await this.#until(event);
    } finally {
      clearInterval(saying);
    }
    const slot = oneOf(this.#nodes.in("up"), random);
    await this.#burst(slot);
    this.#events[event]++;
    this.#phases[this.#phase()]++;
    this.#recover(this.#begin(event, slot));
    this.#isBurst = false;
    this.#done++;
    const { rows } = this.#pushers;
    const up = this.#nodes.in("up").length;
    this.#say(`  ${this.#done} ${event}: ${rows} candles acknowledged, ${up} nodes up`);
  }

  /** Sends what is left of the event's candles, and waits until a node is at work on them. */
  async #burst(slot: Slot | null): Promise<void> {
    if (this.#isRedisDown || slot === null) return;
    this.#isBurst = true;
    const session = this.#watcher.sessionOf(slot.name);
    const before = this.#watcher.commitsOf(session);
    const untilMs = systemClock.now() + BURST_MS;
    while (systemClock.now() < untilMs) {
      if (this.#watcher.commitsOf(session) >= before + BURST_COMMITS) return;
      await pause(systemClock, 1);
    }
  }

  #sayWait(event: ChaosEvent): void {
    const waitedMs = systemClock.now() - this.#eventSinceMs;
    const redis = this.#isRedisDown ? ", Redis down" : "";
    const count = this.#recovering.size;
    this.#say(
      `  ${event} waits for ${(waitedMs / 1_000).toFixed(0)} s, ${count} recover${redis}: ` +
        this.#nodes.text(),
    );
  }

  /** Waits until it can happen: somebody must be left, and what is killed must be there. */
  async #until(event: ChaosEvent): Promise<void> {
    const untilMs = systemClock.now() + SETTLE_LIMIT_MS;
    while (!this.#canBe(event)) {
      if (systemClock.now() > untilMs) {
        throw new Error(`${event} cannot happen: ${this.#nodes.text()}`);
      }
      await pause(systemClock, 20);
    }
  }

  #canBe(event: ChaosEvent): boolean {
    const up = this.#nodes.in("up").length;
    if (event === "redis") return !this.#isRedisDown;
    if (event === "join") return this.#nodes.in("absent").length > 0;
    return up > 1;
  }

  #begin(event: ChaosEvent, slot: Slot | null): Promise<void> {
    const { leaseMs } = this.#options;
    switch (event) {
      case "redis":
        return this.#restartRedis();
      case "join":
        return this.#join();
      case "leave":
        return this.#leave(slot as Slot);
      case "pause":
        this.#crashed(slot as Slot);
        return this.#nodes.pause(slot as Slot, leaseMs + 300 + this.#random.next() * 1_200);
      case "kill":
        this.#crashed(slot as Slot);
        return this.#kill(slot as Slot, this.#random.next() * 1.6 * leaseMs);
    }
  }

  #recover(recovery: Promise<void>): void {
    const noted = recovery.catch((error) => {
      this.#violated(error instanceof Error ? error.message : String(error));
    }).then(() => void this.#recovering.delete(noted));
    this.#recovering.add(noted);
  }

  #crashed({ name }: Slot): void {
    if (this.#isRedisDown) return;
    this.#watcher.times.crashed(this.#watcher.view, name, systemClock.wallNow());
  }

  async #kill(slot: Slot, downMs: number): Promise<void> {
    await this.#nodes.kill(slot);
    await pause(systemClock, downMs);
    await this.#nodes.start(slot);
  }

  async #join(): Promise<void> {
    const slot = oneOf(this.#nodes.in("absent"), this.#random) as Slot;
    if (this.#random.next() < 0.5) this.#nodes.empty(slot);
    await this.#nodes.start(slot);
  }

  async #leave(slot: Slot): Promise<void> {
    const turns = this.#redisTurns;
    const said = slot.process;
    const code = await this.#nodes.leave(slot);
    if (code === 0 || this.#redisTurns > turns || this.#isRedisDown) return;
    this.#violated(`${slot.name} left with exit code ${code}:\n${said?.said}`);
  }

  async #restartRedis(): Promise<void> {
    this.#isRedisDown = true;
    this.#redisTurns++;
    this.#watcher.times.disturbed();
    await this.#servers.restart(this.#random.next() * 800, this.#random);
    this.#isRedisDown = false;
    this.#redisTurns++;
    this.#watcher.times.disturbed();
  }

  #phase(): NodesPhase {
    const { view, isAway, lastCommitMs } = this.#watcher;
    if (this.#isRedisDown || isAway || view === null) return "redis down";
    const alive = new Set(view.nodes.map(({ session }) => session));
    if (view.owners.some(({ session }) => !alive.has(session))) return "taking over";
    const moved = view.atMs - (view.moves[0]?.atMs ?? 0);
    if (moved < MOVING_MS || view.nodes.some(({ isLeaving }) => isLeaving)) return "moving";
    if (this.#nodes.in("starting", "killed").length > 0) return "starting";
    return systemClock.wallNow() - lastCommitMs < LABELLING_MS ? "labelling" : "idle";
  }

  /** Whoever is up and can reach Redis is a member. */
  #lookForAbsent(): void {
    const { view, isAway } = this.#watcher;
    const nowMs = systemClock.now();
    const members = new Set(view?.nodes.map(({ node }) => node));
    const isKnown = view !== null && !isAway && !this.#isRedisDown &&
      systemClock.wallNow() - view.atMs < MEMBERS_EVERY_MS;
    for (const slot of this.#nodes.slots) {
      const sinceMs = this.#absentSinceMs.get(slot);
      if (!isKnown || slot.state !== "up" || members.has(slot.name)) {
        this.#absentSinceMs.delete(slot);
      } else if (sinceMs === undefined) this.#absentSinceMs.set(slot, nowMs);
      else if (nowMs - sinceMs > ABSENT_MAX_MS) {
        this.#absentSinceMs.set(slot, Infinity);
        void this.#tellAbsent(slot);
      }
    }
  }

  async #tellAbsent({ name, url, process }: Slot): Promise<void> {
    const view = await viewOf(url);
    const self = view === null ? "it does not answer" : JSON.stringify(view.self);
    this.#violated(`${name} is up and no member of the group: ${self}\n${process?.said}`);
  }

  // ---- the end --------------------------------------------------------------------------------------

  /** Waits until everything that was acknowledged is labelled on every node. */
  async #settled(): Promise<void> {
    const untilMs = systemClock.now() + SETTLE_LIMIT_MS;
    for (let quiet = 0, last = "";;) {
      const look = await this.#lookAtAll();
      quiet = look.isDone && look.text === last ? quiet + 1 : 0;
      last = look.text;
      if (quiet >= 3) return;
      if (systemClock.now() > untilMs) {
        this.#violated(`the nodes do not come to an end: ${look.text}`);
        return;
      }
      await pause(systemClock, QUIET_MS);
    }
  }

  async #lookAtAll(): Promise<{ readonly isDone: boolean; readonly text: string }> {
    const up = this.#nodes.in("up");
    const views = await Promise.all(up.map(({ url }) => viewOf(url)));
    const found = views.filter((view) => view !== null);
    const waiting = found.map(({ partitions }) =>
      partitions.reduce((sum, { waitingEntries }) => sum + (waitingEntries ?? 1), 0)
    );
    const positions = found.map(({ log }) => (log?.position ?? 0) - (log?.lagEntries ?? 0));
    const read = this.#watcher.position;
    const isDone = found.length === up.length && up.length > 0 &&
      waiting.every((count) => count === 0) && new Set(positions).size === 1 &&
      read >= (positions[0] ?? Infinity);
    return { isDone, text: JSON.stringify({ nodes: found.length, waiting, positions, read }) };
  }

  async #outcome(expected: SeriesRows): Promise<NodesCampaignResult> {
    const up = this.#nodes.in("up");
    const { taken, untaken, takeOvers, handOvers, moves } = this.#watcher.times;
    for (const slot of up) await this.#leave(slot);
    await this.#compareCopies(up, expected);
    const inLog = this.#watcher.missed === 0
      ? rowDifference("log", expected, this.#watcher.rows)
      : null;
    const { requests, unanswered, refused } = this.#pushers;
    return {
      ...{ events: this.#events, phases: this.#phases, inLog, halves: this.#halves },
      owners: this.#watcher.owners.findings,
      ...{ violations: this.#violations, taken, untaken, takeOvers, handOvers, moves },
      candles: expected.count("candles"),
      labels: expected.count("labels"),
      logRows: expected.count("log"),
      copies: up.length,
      startedAgain: this.#nodes.startedAgain,
      lives: this.#nodes.slots.reduce((sum, { lives }) => sum + lives, 0),
      commits: this.#watcher.commits,
      ...{ requests, unanswered, refused, subscriberChanges: this.#subscriber.changes },
    };
  }

  async #compareCopies(slots: readonly Slot[], expected: SeriesRows): Promise<void> {
    const seen = new Set<string>();
    for (const { name, data } of slots) {
      const { rows, seq, logHash, cursors, log } = await heldByCopy(data);
      for (const kind of ROW_KINDS) {
        const difference = rowDifference(kind, expected, rows);
        if (!isRight(difference)) this.#violated(differenceText(name, difference));
        this.#halves = Math.max(this.#halves, difference.halves);
      }
      seen.add(`seq ${seq}, log ${logHash}, cursors ${cursors}`);
      if (slots[0]?.name !== name) continue;
      const sent = log.difference(this.#subscriber);
      if (sent !== null) this.#violated(`what a subscriber was sent: ${sent}`);
    }
    if (seen.size > 1) this.#violated(`copies differ:\n${[...seen].join("\n")}`);
  }
}

async function viewOf(url: string | null): Promise<NodesView | null> {
  try {
    const response = await fetch(`${url}/api/nodes`, { signal: AbortSignal.timeout(3_000) });
    return nodesReply.parse(await response.json());
  } catch {
    return null;
  }
}

function countsOf<Name extends string>(names: readonly Name[]): Record<Name, number> {
  return Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;
}

async function within<T>(work: Promise<T>, limitMs: number, what: string): Promise<T> {
  let limit: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    limit = setTimeout(() => reject(new Error(`not in time: ${what}`)), limitMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(limit);
  }
}
