/**
 * A provider, the way to it, and a process that stalls and is killed, in virtual time: what a
 * limiter has to live with. Deterministic by its seed, and the same for whatever client is put in.
 *
 * - Request i takes the same time there, at the provider and back, whoever sends it.
 * - Stalls and kills come at the same virtual times.
 * - A killed process loses its memory and its responses; what it has sent arrives all the same.
 * - A snapshot reaches the disk some time after it was taken, and is confirmed some time later.
 *
 * @module
 */

import { type Cancel, type Random, seededRandom, VirtualClock } from "../../src/actor/clock.ts";
import type { WindowOracle } from "./limiter_oracle.ts";

/** Who competes: workers that each send one request after the other, all the time. */
export interface WorldUser {
  readonly name: string;
  readonly workers: number;
  readonly priority: number;
  readonly key?: string;
  /** Cost of a request is 1 to this; default 1. */
  readonly costMax?: number;
}

/** What happens in the world; times in ms. */
export interface WorldOptions {
  readonly seed: number;
  readonly users: readonly WorldUser[];
  /** Each way takes 0 to this. */
  readonly jitterMs: number;
  /** Time at the provider is lognormal with this median and p99. */
  readonly serviceMedianMs: number;
  readonly serviceP99Ms: number;
  /** Share of requests that are held up for {@linkcode stallMs} on one of the ways. */
  readonly stallShare: number;
  readonly stallMs: number;
  /** Mean time between stalls of the whole process, of `stallMs` each; Infinity = never. */
  readonly processStallEveryMs: number;
  /** Mean time between kills; Infinity = never. */
  readonly killEveryMs: number;
  /** A killed process is away for up to this. */
  readonly downMaxMs: number;
  /** A snapshot is on disk and confirmed within this. */
  readonly saveMaxMs: number;
  /** At each restart the wall clock is set back by up to this. */
  readonly wallBackMaxMs: number;
}

/** Three equal users and the latencies of the workloads' provider. */
export const CALM_WORLD: WorldOptions = {
  seed: 1,
  users: ["backfill", "warmer", "reader"].map((name) => ({ name, workers: 20, priority: 5 })),
  jitterMs: 50,
  serviceMedianMs: 150,
  serviceP99Ms: 800,
  stallShare: 0,
  stallMs: 5_000,
  processStallEveryMs: Infinity,
  killEveryMs: Infinity,
  downMaxMs: 10_000,
  saveMaxMs: 20,
  wallBackMaxMs: 0,
};

/** A request under way, or a worker that wants to send one. */
export interface WorldRequest {
  readonly user: WorldUser;
  readonly cost: number;
}

/** The process: what decides who sends when. */
export interface WorldClient {
  /** The process starts; `disk` is what it last saved. */
  start(nowMs: number, wallMs: number, disk: string | null): void;
  /** A worker wants to send. */
  want(request: WorldRequest, nowMs: number): void;
  /** Who sends now, or null; the request will be counted `upMs` later, which only one may know. */
  next(nowMs: number, upMs: number): WorldRequest | null;
  /** When to ask {@linkcode next} again. */
  wakeMs(nowMs: number, upMs: number): number;
  /** The response is here. */
  responded(request: WorldRequest, nowMs: number): void;
  /** What to save now, or null; {@linkcode saved} follows. */
  save(nowMs: number, wallMs: number): { id: number; text: string } | null;
  saved(id: number): void;
}

interface Ways {
  readonly upMs: number;
  readonly backMs: number;
}

/** What happened. */
export interface WorldResult {
  readonly requests: number;
  readonly endMs: number;
  readonly byUser: ReadonlyMap<string, number>;
  readonly latencyMeanMs: number;
  readonly stalls: number;
  readonly kills: number;
  readonly saves: number;
}

/** z of the 99th percentile of the normal distribution. */
const Z99 = 2.326347874;

/** Runs a client until so many requests were counted, or until a time. */
export class World {
  readonly #options: WorldOptions;
  readonly #client: WorldClient;
  readonly #oracles: (key: string) => readonly WindowOracle[];
  readonly #clock = new VirtualClock(0);
  readonly #ways: Random;
  readonly #fates: Random;
  readonly #disk: Random;
  #nextWays: Ways;
  #epoch = 0;
  #isDown = true;
  #stalledUntilMs = -Infinity;
  #deferred: (() => void)[] = [];
  #timer: Cancel = () => {};
  #saved: string | null = null;
  #wallOffsetMs = 1_700_000_000_000;
  #requests = 0;
  #latencySumMs = 0;
  #stalls = 0;
  #kills = 0;
  #saves = 0;
  readonly #byUser = new Map<string, number>();

  /** `oracles` count what arrives with a key. */
  constructor(
    options: WorldOptions,
    client: WorldClient,
    oracles: (key: string) => readonly WindowOracle[],
  ) {
    this.#options = options;
    this.#client = client;
    this.#oracles = oracles;
    this.#ways = seededRandom(options.seed);
    this.#fates = seededRandom(options.seed + 1);
    this.#disk = seededRandom(options.seed + 2);
    this.#nextWays = this.#drawWays();
    this.#start();
    this.#fate(options.processStallEveryMs, () => this.#stall());
    this.#fate(options.killEveryMs, () => this.#kill());
  }

  /** Runs on; counts from the beginning. */
  run(until: { requests?: number; ms?: number }): WorldResult {
    const { requests = Infinity, ms = Infinity } = until;
    while (this.#requests < requests && this.#clock.nextTimerAt() <= ms) this.#clock.fireNext();
    return {
      requests: this.#requests,
      endMs: Math.min(ms, this.#clock.now()),
      byUser: this.#byUser,
      latencyMeanMs: this.#latencySumMs / this.#requests,
      stalls: this.#stalls,
      kills: this.#kills,
      saves: this.#saves,
    };
  }

  get #wallMs(): number {
    return Math.floor(this.#clock.now() + this.#wallOffsetMs);
  }

  /** At random times, on average so often. */
  #fate(everyMs: number, happen: () => void): void {
    if (everyMs === Infinity) return;
    const delayMs = -Math.log(1 - this.#fates.next()) * everyMs;
    this.#clock.setTimer(delayMs, () => {
      happen();
      this.#fate(everyMs, happen);
    });
  }

  #start(): void {
    this.#isDown = false;
    this.#client.start(this.#clock.now(), this.#wallMs, this.#saved);
    const workers = this.#options.users.flatMap((user) =>
      Array.from({ length: user.workers }, () => user)
    );
    for (const user of workers) this.#want(user);
    this.#pump();
  }

  #want(user: WorldUser): void {
    const cost = 1 + (user.costMax === undefined ? 0 : this.#requests % user.costMax);
    this.#client.want({ user, cost }, this.#clock.now());
  }

  /** Wraps what the process does later: after a stall, and not when it was killed. */
  #inProcess(run: () => void): () => void {
    const epoch = this.#epoch;
    const guarded = () => {
      if (epoch !== this.#epoch) return;
      if (this.#clock.now() < this.#stalledUntilMs) this.#deferred.push(guarded);
      else run();
    };
    return guarded;
  }

  #pump(): void {
    const nowMs = this.#clock.now();
    for (;;) {
      const request = this.#client.next(nowMs, this.#nextWays.upMs);
      if (request === null) break;
      this.#send(request);
    }
    this.#save();
    const wakeMs = this.#client.wakeMs(nowMs, this.#nextWays.upMs);
    this.#timer();
    if (wakeMs === Infinity) return;
    this.#timer = this.#clock.setTimer(wakeMs - nowMs, this.#inProcess(() => this.#pump()));
  }

  #send(request: WorldRequest): void {
    const { upMs, backMs } = this.#nextWays;
    this.#nextWays = this.#drawWays();
    this.#latencySumMs += upMs + backMs;
    const { name, key = "" } = request.user;
    const arrive = () => {
      this.#requests++;
      this.#byUser.set(name, (this.#byUser.get(name) ?? 0) + 1);
      for (const oracle of this.#oracles(key)) oracle.arrive(this.#clock.now(), request.cost);
      this.#clock.setTimer(backMs, respond);
    };
    const respond = this.#inProcess(() => {
      this.#client.responded(request, this.#clock.now());
      this.#want(request.user);
      this.#pump();
    });
    this.#clock.setTimer(upMs, arrive);
  }

  #save(): void {
    const save = this.#client.save(this.#clock.now(), this.#wallMs);
    if (save === null) return;
    const epoch = this.#epoch;
    const totalMs = this.#disk.next() * this.#options.saveMaxMs;
    this.#clock.setTimer(totalMs * this.#disk.next(), () => {
      if (epoch !== this.#epoch) return;
      this.#saved = save.text;
      this.#saves++;
    });
    const confirm = this.#inProcess(() => {
      this.#client.saved(save.id);
      this.#pump();
    });
    this.#clock.setTimer(totalMs, confirm);
  }

  #stall(): void {
    const { stallMs } = this.#options;
    if (this.#isDown || this.#clock.now() < this.#stalledUntilMs) return;
    this.#stalls++;
    this.#stalledUntilMs = this.#clock.now() + stallMs;
    this.#clock.setTimer(stallMs, () => {
      for (const run of this.#deferred.splice(0)) run();
    });
  }

  #kill(): void {
    if (this.#isDown) return;
    this.#kills++;
    this.#epoch++;
    this.#isDown = true;
    this.#stalledUntilMs = -Infinity;
    this.#deferred = [];
    this.#wallOffsetMs -= this.#fates.next() * this.#options.wallBackMaxMs;
    this.#clock.setTimer(this.#fates.next() * this.#options.downMaxMs, () => this.#start());
  }

  #drawWays(): Ways {
    const { jitterMs, serviceMedianMs, serviceP99Ms, stallShare, stallMs } = this.#options;
    const ways = this.#ways;
    const gauss = Math.sqrt(-2 * Math.log(1 - ways.next())) * Math.cos(2 * Math.PI * ways.next());
    const spread = Math.log(serviceP99Ms / serviceMedianMs) / Z99;
    const serviceMs = serviceMedianMs * Math.exp(spread * gauss);
    const isStalled = ways.next() < stallShare, isStalledThere = ways.next() < 0.5;
    const upMs = ways.next() * jitterMs + (isStalled && isStalledThere ? stallMs : 0);
    const downMs = ways.next() * jitterMs + (isStalled && !isStalledThere ? stallMs : 0);
    return { upMs, backMs: serviceMs + downMs };
  }
}
