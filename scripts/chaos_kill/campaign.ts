/**
 * A service that is killed again and again while candles stream in from a file and over HTTP, and one
 * over the same input that is not: what they hold in the end must be the same.
 *
 * @module
 */

import { type Random, seededRandom } from "../../src/actor/clock.ts";
import { Endpoint } from "./endpoint.ts";
import { type KillPlan, type Phase, PHASES } from "./phases.ts";
import { pause, Pusher } from "./pusher.ts";
import { type Addresses, Service, type ServiceSetup } from "./service.ts";
import { type SeenRow, Subscriber } from "./subscriber.ts";
import { FileWriter } from "./writer.ts";

/** How a campaign is set up. */
export interface CampaignOptions {
  readonly kills: number;
  readonly seed: number;
  /** `--store …` and the like, for the service. */
  readonly storeArgs: readonly string[];
  /** Told of every kill; for progress. */
  readonly onKill?: (done: number, where: Phase | "anywhere") => void;
}

/** What came of it. */
export interface CampaignResult {
  /** Kills by the phase in which the process ended, `anywhere` = from outside at a random moment. */
  readonly killedIn: Readonly<Record<Phase | "anywhere", number>>;
  /** What differs from the run that was not killed, or is wrong with the stream; none = all is well. */
  readonly differences: readonly string[];
  readonly fileLines: number;
  readonly pushes: number;
  readonly pushesRepeated: number;
  readonly pushesRefused: number;
  readonly streamRows: number;
  readonly streamResumed: number;
  readonly dumpLines: number;
}

/** Pushers, each with series of its own. */
const PUSHERS = 2;
/** Lines of a write to the file, and pause of a pusher after a request: some thousand rows a second. */
const LINES_PER_WRITE = 24;
const PUSH_PAUSE_MS = 2;
/** A kill that does not come within this is a failure: the phase was never reached. */
const KILL_LIMIT_MS = 15_000;
/** Longest moment of a random kill after the service serves. */
const RANDOM_KILL_MS = 250;
/** Most times that a phase is entered before a kill in it. */
const NTH_MAX = 24;
/** A service that does not get to the end of its input within this has failed. */
const SETTLE_LIMIT_MS = 60_000;
/** Every so many kills one comes at a random moment; the others go through the phases in turn. */
const RANDOM_EVERY = 8;

/** Runs a campaign. */
export async function runCampaign(options: CampaignOptions): Promise<CampaignResult> {
  const folder = await Deno.makeTempDir({ prefix: "wick_chaos_" });
  const campaign = new Campaign(options, folder);
  try {
    return await campaign.run();
  } finally {
    await campaign.end();
    await Deno.remove(folder, { recursive: true });
  }
}

class Campaign {
  readonly #options: CampaignOptions;
  readonly #setup: ServiceSetup;
  readonly #random: Random;
  readonly #endpoint = new Endpoint();
  readonly #writer: FileWriter;
  readonly #pushers: Pusher[];
  readonly #subscriber: Subscriber;
  readonly #killedIn = Object.fromEntries(
    [...PHASES, "anywhere"].map((phase) => [phase, 0]),
  ) as Record<Phase | "anywhere", number>;
  #isOver = false;
  #isUp = false;
  /** The life that counts. */
  #service: Service | null = null;
  /** What runs beside the lives of the service. */
  #clients: readonly Promise<void>[] = [];

  constructor(options: CampaignOptions, folder: string) {
    const { seed, storeArgs } = options;
    this.#options = options;
    this.#setup = { data: `${folder}/killed`, file: `${folder}/candles.csv`, storeArgs };
    Deno.mkdirSync(`${folder}/killed`);
    Deno.mkdirSync(`${folder}/unkilled`);
    this.#random = seededRandom(seed);
    this.#writer = new FileWriter(seed, this.#setup.file);
    this.#pushers = Array.from(
      { length: PUSHERS },
      (_, i) => new Pusher(seed, i, this.#endpoint),
    );
    this.#subscriber = new Subscriber(this.#endpoint);
  }

  async run(): Promise<CampaignResult> {
    const isOver = () => this.#isOver;
    const clients = [
      this.#writer.run(isOver, () => !this.#isUp, LINES_PER_WRITE),
      ...this.#pushers.map((pusher) => pusher.run(isOver, PUSH_PAUSE_MS)),
    ];
    const reading = this.#subscriber.run();
    // What a client fails with while the service is killed is told when it is waited for.
    this.#clients = [...clients, reading];
    for (const client of this.#clients) client.catch(() => {});
    for (let kill = 0; kill < this.#options.kills; kill++) {
      const where = await this.#kill(kill);
      this.#killedIn[where]++;
      this.#options.onKill?.(kill + 1, where);
    }
    const last = this.#service = new Service(this.#setup, null);
    const { front } = await this.#serves(last);
    this.#isOver = true;
    await within(Promise.all(clients), "the clients' last requests");
    const { dump, log } = await this.#outcome(front);
    this.#subscriber.stop();
    await within(reading, "the subscriber's end");
    last.kill();
    await last.over;
    return this.#resultOf(dump, log, await this.#unkilled());
  }

  /** Lets go of everything, also after a failure. */
  async end(): Promise<void> {
    this.#isOver = true;
    this.#subscriber.stop();
    this.#service?.kill();
    await this.#service?.over;
    this.#endpoint.close();
    await Promise.allSettled(this.#clients);
    this.#writer.close();
  }

  async #outcome(front: string): Promise<{ dump: string; log: readonly SeenRow[] }> {
    await this.#settled(front);
    const dump = await textOf(`${front}/dump`);
    const log = await within(this.#wholeLog(await this.#endpoint.base), "the label log");
    await this.#streamCaughtUp(log);
    return { dump, log };
  }

  #resultOf(dump: string, log: readonly SeenRow[], expected: string): CampaignResult {
    const sum = (count: (pusher: Pusher) => number) =>
      this.#pushers.reduce((total, pusher) => total + count(pusher), 0);
    return {
      killedIn: this.#killedIn,
      differences: [
        ...differencesOf("what it holds", expected.split("\n"), dump.split("\n")),
        ...differencesOf("the label stream", log.map(lineOf), this.#subscriber.rows.map(lineOf)),
        ...foldDifferences(log, dump),
      ],
      fileLines: this.#writer.lines,
      pushes: sum(({ acknowledged }) => acknowledged),
      pushesRepeated: sum(({ repeated }) => repeated),
      pushesRefused: sum(({ refused }) => refused),
      streamRows: log.length,
      streamResumed: this.#subscriber.resumed,
      dumpLines: dump.split("\n").length - 1,
    };
  }

  // ---- kills ----------------------------------------------------------------------------------------

  async #kill(kill: number): Promise<Phase | "anywhere"> {
    const isRandom = kill % RANDOM_EVERY === RANDOM_EVERY - 1;
    const plan = isRandom ? null : this.#plan(kill - Math.floor(kill / RANDOM_EVERY));
    const service = new Service(this.#setup, plan);
    this.#service = service;
    let standing: string | null = null;
    const limit = setTimeout(async () => {
      standing = await standingOf(service);
      service.kill();
    }, KILL_LIMIT_MS);
    if (isRandom) await this.#killAnywhere(service);
    else await this.#serves(service).catch(() => {});
    const status = await service.over;
    clearTimeout(limit);
    this.#service = null;
    this.#endpoint.down();
    this.#isUp = false;
    if (status.signal !== "SIGKILL" || service.killedIn !== (plan?.phase ?? null)) {
      throw new Error(
        `Cannot kill in ${plan?.phase ?? "a random moment"}: the service ended with ` +
          `${status.signal ?? status.code}${standing ?? ""}\n${service.said}`,
      );
    }
    return plan?.phase ?? "anywhere";
  }

  #plan(turn: number): KillPlan {
    const phase = PHASES[turn % PHASES.length] as Phase;
    const nth = 1 + Math.floor(this.#random.next() ** 2 * NTH_MAX);
    const isLong = phase === "reading" || phase === "in_workers";
    const delayMs = isLong && this.#random.next() < 0.7 ? this.#random.next() * 6 : 0;
    return { phase, nth, delayMs };
  }

  /** Half of them while the service starts. */
  async #killAnywhere(service: Service): Promise<void> {
    if (this.#random.next() < 0.5) {
      await pause(this.#random.next() * RANDOM_KILL_MS);
      void this.#serves(service).catch(() => {});
    } else {
      await this.#serves(service);
      await pause(this.#random.next() * RANDOM_KILL_MS);
    }
    service.kill();
  }

  async #serves(service: Service): Promise<Addresses> {
    const addresses = await service.addresses;
    // Unless it was killed meanwhile.
    if (this.#service === service) {
      this.#endpoint.up(addresses.admin);
      this.#isUp = true;
    }
    return addresses;
  }

  // ---- the end --------------------------------------------------------------------------------------

  /** Waits until the file is committed to its last line. */
  async #settled(front: string): Promise<void> {
    const until = performance.now() + SETTLE_LIMIT_MS;
    for (;;) {
      const status = await textOf(`${front}/feed`);
      const { cursor } = JSON.parse(status);
      if (Number(String(cursor).split(":")[1]) === this.#writer.bytes) return;
      if (performance.now() > until) {
        throw new Error(
          `the file of ${this.#writer.bytes} bytes is not committed to its end: ${status}\n` +
            this.#service?.said,
        );
      }
      await pause(20);
    }
  }

  /** Everything in the label log, read anew from its beginning. */
  async #wholeLog(base: string): Promise<readonly SeenRow[]> {
    const endpoint = new Endpoint();
    endpoint.up(base);
    const reader = new Subscriber(endpoint);
    const reading = reader.run();
    const idle = { rows: -1, since: performance.now() };
    while (reader.throughSeq === 0 || performance.now() - idle.since < 500) {
      await pause(50);
      if (reader.rows.length === idle.rows) continue;
      idle.rows = reader.rows.length;
      idle.since = performance.now();
    }
    reader.stop();
    await reading;
    return reader.rows;
  }

  async #streamCaughtUp(log: readonly SeenRow[]): Promise<void> {
    const until = performance.now() + 5_000;
    while (this.#subscriber.rows.length < log.length && performance.now() < until) await pause(20);
  }

  /** What a service holds that had the same input and was never killed. */
  async #unkilled(): Promise<string> {
    const { seed } = this.#options;
    const setup = { ...this.#setup, data: this.#setup.data.replace(/killed$/, "unkilled") };
    // A flaw shows when the process is killed, or opens a store that is not new.
    const service = this.#service = new Service(setup, null);
    const endpoint = new Endpoint();
    const { admin, front } = await service.addresses;
    endpoint.up(admin);
    const pushing = this.#pushers.map(async ({ acknowledged }, i) => {
      const again = new Pusher(seed, i, endpoint);
      await again.run(() => again.acknowledged === acknowledged, 0);
    });
    this.#clients = [...this.#clients, ...pushing];
    await within(Promise.all(pushing), "the same pushes without kills");
    await this.#settled(front);
    const dump = await textOf(`${front}/dump`);
    service.kill();
    await service.over;
    return dump;
  }
}

/** What `work` comes to; rejects when it takes longer than everything here may. */
async function within<T>(work: Promise<T>, what: string): Promise<T> {
  const late = Promise.withResolvers<never>();
  const limit = setTimeout(
    () => late.reject(new Error(`Cannot end the campaign: ${what} took too long`)),
    SETTLE_LIMIT_MS,
  );
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(limit);
  }
}

async function textOf(url: string): Promise<string> {
  const response = await fetch(url);
  const text = await response.text();
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${text}`);
  return text;
}

function lineOf({ seq, row, text }: SeenRow): string {
  return `${seq}-${row} ${text}`;
}

/** The first lines that differ, some of them. */
export function differencesOf(
  what: string,
  expected: readonly string[],
  actual: readonly string[],
): readonly string[] {
  const found: string[] = [];
  if (expected.length !== actual.length) {
    found.push(`${what}: expected ${expected.length} lines: current value is ${actual.length}`);
  }
  for (let i = 0; i < Math.max(expected.length, actual.length) && found.length < 4; i++) {
    if (expected[i] === actual[i]) continue;
    found.push(`${what}, line ${i + 1}\n  expected ${expected[i]}\n  found    ${actual[i]}`);
  }
  return found;
}

/** The label log must come to what is held: the last version of each row that was not removed. */
function foldDifferences(log: readonly SeenRow[], dump: string): readonly string[] {
  const last = new Map<string, string | null>();
  for (const { text } of log) {
    const { series, ts, revision, removed } = JSON.parse(text);
    last.set(`label ${series} ${ts}`, removed ? null : `r${revision}`);
  }
  const held = new Map<string, string>();
  for (const line of dump.split("\n")) {
    const [kind, series, revision, ts] = line.split(" ");
    if (kind === "label") held.set(`label ${series} ${ts}`, revision ?? "");
  }
  const folded = [...last].filter(([, revision]) => revision !== null);
  const lines = (entries: [string, string | null][]) => entries.map((e) => e.join(" ")).sort();
  return differencesOf("the label log, folded", lines([...held]), lines(folded));
}

/** What a service that does not come to its phase says about itself. */
async function standingOf(service: Service): Promise<string> {
  try {
    const { admin, front } = await within(service.addresses, "its addresses");
    const [feed, health] = await Promise.all([
      textOf(`${front}/feed`),
      textOf(`${admin}/api/health`),
    ]);
    return ` after ${KILL_LIMIT_MS} ms\nfeed: ${feed}\nhealth: ${health}`;
  } catch (error) {
    return ` after ${KILL_LIMIT_MS} ms, without a word: ${error}`;
  }
}
