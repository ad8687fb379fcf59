/**
 * Chaos: random trees of actors that do whatever actors may do, under faults by chance, while the
 * tree is told, asked, killed, restarted, stopped in parts and grown from outside; in the end it is
 * stopped as a whole. No oracle says what must happen; the invariants of `chaos_ledger.ts` say what
 * must not, and while all is calm everything must work again.
 *
 * @module
 */

import {
  child,
  type ChildSpec,
  type Clock,
  type DeadLetter,
  type MailboxOptions,
  type RestartType,
  Simulator,
  StartFailed,
  type Strategy,
  type SupervisorSpec,
  type TreeNode,
} from "../../src/actor/mod.ts";
import { MailboxNode } from "../../src/actor/mailbox_node.ts";
import type { FaultChances } from "../../src/actor/simulator.ts";
import type { DeclaredOptions, TreeRefs } from "../../src/actor/system.ts";
import { hashOf } from "./campaign.ts";
import {
  Chaos,
  chaosActor,
  type ChaosArgs,
  type ChaosRef,
  type ChaosWorld,
  HOPS_MAX,
  type MailPayload,
  Sender,
} from "./chaos_actor.ts";
import { Ledger } from "./chaos_ledger.ts";
import { Prng } from "./prng.ts";
import { RESTART_NAMES, STRATEGY_NAMES } from "./schedule.ts";

/** What a run came to. */
export interface ChaosResult {
  /** The first broken invariant; null = none. */
  readonly violation: string | null;
  /** Of everything that happened, in its order; the same seed gives the same. */
  readonly hash: string;
  readonly messages: number;
  readonly restarts: number;
}

/** Things that happen to a tree from outside. */
const STEPS = 30;
const ACTORS_MAX = 8;
/** Long enough for every init, clean-up, backoff and retry to be over. */
const CALM_MS = 5_000;
const INIT_TIMEOUT_MAX_MS = 90;

/** Runs the chaos of one seed. */
export async function runChaos(
  seed: number,
  record: ((line: string) => void) | null = null,
): Promise<ChaosResult> {
  const lines: string[] = [];
  const storm = new Storm(seed, (line) => {
    lines.push(line);
    record?.(line);
  });
  try {
    await storm.run();
  } catch (error) {
    storm.ledger.violate(`thrown: ${error instanceof Error ? error.stack : error}`);
  }
  return {
    violation: storm.ledger.violation,
    hash: hashOf(lines),
    messages: storm.ledger.mails.length,
    restarts: storm.ledger.lives.length,
  };
}

class Storm implements ChaosWorld {
  calm = false;
  clock: Clock | null = null;
  readonly dice: Prng;
  readonly ledger: Ledger;
  readonly #paths: string[] = [];
  readonly #conflating = new Set<string>();
  readonly #definition = chaosActor(this);
  readonly #outside = new Sender(this, "outside", () => true);
  readonly #simulator: Simulator;
  readonly #faults: { -readonly [K in keyof FaultChances]: FaultChances[K] } = {};
  #spawned = 0;
  #rootGaveUp = false;

  constructor(seed: number, record: (line: string) => void) {
    this.dice = new Prng(seed);
    this.ledger = new Ledger(record);
    this.#simulator = new Simulator({
      seed,
      faults: this.#faults,
      system: {
        ...this.#supervisor("/wick", "wick", 0),
        intensity: this.dice.between(3, 60),
        log: null,
        lifecycle: (node, event) => this.ledger.note(`  ${node.path} ${event}`),
        onGaveUp: () => this.#rootGaveUp = true,
      },
    });
    this.#system.deadLetters.subscribe((letter) => this.#died(letter));
  }

  get #system() {
    return this.#simulator.system;
  }

  conflates(path: string): boolean {
    return this.#conflating.has(path);
  }

  // ---- the tree -------------------------------------------------------------------------------------

  #supervisor(path: string, name: string, depth: number): SupervisorSpec {
    const { dice } = this;
    const children: ChildSpec[] = [];
    const count = dice.between(depth === 0 ? 2 : 1, 4);
    for (let i = 0; i < count && this.#paths.length < ACTORS_MAX; i++) {
      const part = `c${i}`;
      if (depth < 2 && dice.percent(35)) {
        children.push({
          ...this.#supervisor(`${path}/${part}`, part, depth + 1),
          restart: this.#restart(),
        });
      } else children.push(child(this.#definition, this.#actor(path, part)));
    }
    return {
      name,
      children,
      strategy: STRATEGY_NAMES[dice.below(3)] as Strategy,
      intensity: dice.between(0, 6),
      periodMs: dice.between(20, 2_000),
      intensityScope: dice.percent(50) ? "child" : "supervisor",
      ...(dice.percent(30)
        ? { backoff: { minMs: dice.between(1, 20), maxMs: dice.between(20, 100) } }
        : {}),
    };
  }

  #actor(parent: string, name: string) {
    const { dice } = this;
    const path = `${parent}/${name}`;
    this.#paths.push(path);
    const mailbox = this.#mailbox();
    if (typeof mailbox.overflow === "object") this.#conflating.add(path);
    const shutdown = dice.below(3);
    return {
      name,
      mailbox,
      restart: this.#restart(),
      shutdownMs: shutdown === 0 ? "brutal" : shutdown === 1 ? dice.between(1, 50) : 1_000,
      initTimeoutMs: dice.between(40, INIT_TIMEOUT_MAX_MS),
      // All paths are known by the time that the tree is made. Whoever can tell can ask as well.
      args: (refs: TreeRefs): ChaosArgs => ({
        peers: this.#paths.map((peer) => refs.tell(Chaos, peer) as ChaosRef),
      }),
    } satisfies DeclaredOptions<ChaosArgs>;
  }

  #restart(): RestartType {
    const dice = this.dice.below(100);
    return RESTART_NAMES[dice < 60 ? 0 : dice < 85 ? 1 : 2] as RestartType;
  }

  #mailbox(): MailboxOptions {
    const { dice } = this;
    const bound = dice.between(1, 24);
    const policies = ["reject", "dropOldest", "dropNewest", "suspend"] as const;
    const policy = policies[dice.below(5)];
    if (policy !== undefined) return { bound, overflow: policy };
    const conflate = (_type: string, payload: unknown) => {
      const { key } = payload as MailPayload;
      return key < 0 ? null : key;
    };
    return { bound, overflow: { conflate } };
  }

  #ref(path: string): ChaosRef {
    return this.#system.ref(Chaos, path);
  }

  #died({ path, type, payload, reason }: DeadLetter): void {
    if (type === "tick" || type === "gone") return this.ledger.note(`  ${type} is dead: ${reason}`);
    const node = this.#system.nodeAt(path);
    const gone = !(node instanceof MailboxNode) || node.state === "stopped" || !node.accepting;
    this.ledger.buried((payload as MailPayload).id, reason, gone);
  }

  // ---- the run --------------------------------------------------------------------------------------

  async run(): Promise<void> {
    await this.#simulator.advance(this.dice.below(INIT_TIMEOUT_MAX_MS));
    await this.#rage(STEPS);
    if (this.dice.percent(60)) {
      await this.#calmDown();
      await this.#rage(this.dice.below(6));
    }
    await this.#stop();
  }

  /** Between calm, where everything must work, and whatever may happen. */
  #setCalm(calm: boolean): void {
    this.calm = calm;
    Object.assign(
      this.#faults,
      calm
        ? { crash: 0, failInit: 0, drop: 0, delay: 0 }
        : { crash: 0.02, failInit: 0.2, drop: 0.02, delay: 0.04, delayMaxMs: 60 },
    );
  }

  async #rage(steps: number): Promise<void> {
    this.#setCalm(false);
    for (let step = 0; step < steps; step++) {
      await this.#step();
      this.#checkAccount();
    }
  }

  async #step(): Promise<void> {
    const { dice } = this;
    const simulator = this.#simulator;
    for (let left = dice.below(6); left > 0; left--) this.#outside.tell(this.#anyRef(), HOPS_MAX);
    if (dice.percent(50)) {
      void this.#outside.ask(this.#anyRef(), 10 * dice.between(1, 15), HOPS_MAX);
    }
    if (dice.percent(10)) void this.#outside.offer(this.#anyRef());
    if (dice.percent(30)) this.#meddle(this.#anyPath());
    else if (dice.percent(20)) this.#meddleMuch();
    const pace = dice.below(3);
    if (pace === 0) await simulator.run();
    else if (pace === 1) await simulator.advance(dice.between(1, 80));
    else for (let left = dice.below(12); left > 0; left--) simulator.scheduler.step();
  }

  /** One thing that happens to an actor from outside, or now and then to its supervisor. */
  #meddle(path: string): void {
    const what = this.dice.below(100);
    if (what < 45) this.#kill(path);
    else if (what < 65) this.#request("restart", path, (target) => this.#system.restart(target));
    else if (what < 75) this.#request("stop", path, (target) => void this.#system.stopAt(target));
    else if (what < 85) this.#request("start", path, (target) => void this.#system.startAt(target));
    else this.#spawn(path);
  }

  /** Several things at once to children of one supervisor: they meet while one is under way. */
  #meddleMuch(): void {
    const path = this.#anyPath();
    const above = path.slice(0, path.lastIndexOf("/") + 1);
    const siblings = this.#paths.filter((other) => other.lastIndexOf("/") + 1 === above.length)
      .filter((other) => other.startsWith(above));
    for (let left = this.dice.between(2, 5); left > 0; left--) {
      this.#meddle(siblings[this.dice.below(siblings.length)] ?? path);
      for (let steps = this.dice.below(3); steps > 0; steps--) this.#simulator.scheduler.step();
    }
  }

  #anyPath(): string {
    return this.#paths[this.dice.below(this.#paths.length)] as string;
  }

  #anyRef(): ChaosRef {
    return this.#ref(this.#anyPath());
  }

  #kill(path: string): void {
    if (this.#system.nodeAt(path) === null) return;
    const reason = (["crash", "normal", "shutdown"] as const)[this.dice.below(3)] ?? "crash";
    this.ledger.note(`${path} is killed: ${reason}`);
    this.#simulator.kill(path, reason);
  }

  #request(verb: string, path: string, act: (path: string) => void): void {
    const above = path.slice(0, path.lastIndexOf("/"));
    const target = this.dice.percent(30) && above.split("/").length > 2 ? above : path;
    if (this.#system.nodeAt(target) === null) return;
    this.ledger.note(`request: ${verb} ${target}`);
    act(target);
  }

  #spawn(path: string): void {
    const under = path.slice(0, path.lastIndexOf("/"));
    if (this.#system.nodeAt(under) === null) return;
    const { args: _, ...options } = this.#actor(under, `s${++this.#spawned}`);
    this.ledger.note(`${options.name} is spawned under ${under}`);
    const peers = this.#paths.map((peer) => this.#ref(peer));
    try {
      this.#system.spawn(this.#definition, { ...options, under, args: { peers } });
    } catch (error) {
      if (!(error instanceof StartFailed)) throw error;
      this.ledger.note(`${options.name} did not start`);
    }
  }

  #checkAccount(): void {
    const { sent, handled, queued, deadLettered, superseded } = this.#system.counts();
    if (sent === handled + queued + deadLettered + superseded) return;
    this.ledger.violate(
      `sent ${sent} is not handled ${handled} + queued ${queued} + dead ${deadLettered} + ` +
        `superseded ${superseded}`,
    );
  }

  // ---- calm: everything works again -----------------------------------------------------------------

  async #calmDown(): Promise<void> {
    this.#setCalm(true);
    this.ledger.note("all is calm");
    await this.#simulator.advance(CALM_MS);
    this.#checkAccount();
    if (this.#rootGaveUp) return;
    const running: string[] = [];
    const visit = (node: TreeNode) => {
      if (node.state === "running" && node.kind === "actor") running.push(node.path);
      if (node.state !== "running" && node.state !== "stopped") {
        this.ledger.violate(`${node.path} is ${node.state} while all is calm`);
      }
      for (const part of node.children) visit(part);
    };
    visit(this.#system.tree());
    for (const path of running) await this.#checkWorks(path);
  }

  async #checkWorks(path: string): Promise<void> {
    const node = this.#system.nodeAt(path) as MailboxNode;
    const waiting = node.mailbox.size + (node.mailbox.system?.size ?? 0) + node.underWay;
    if (waiting > 0) this.ledger.violate(`${path} has ${waiting} messages and does not work`);
    let reply: number | null = null;
    void this.#outside.ask(this.#ref(path), 1_000).then((value) => reply = value);
    await this.#simulator.advance(1);
    if (reply !== node.incarnation) {
      this.ledger.violate(`${path}: incarnation ${node.incarnation} answered ${reply}`);
    }
  }

  // ---- the end --------------------------------------------------------------------------------------

  async #stop(): Promise<void> {
    const { dice } = this;
    const deadlineMs = dice.between(1, 300);
    for (let left = dice.below(20); left > 0; left--) this.#outside.tell(this.#anyRef(), HOPS_MAX);
    this.ledger.note(`the system is stopped within ${deadlineMs} ms`);
    let over = false;
    void this.#system.stop({ deadlineMs, drain: dice.percent(80) }).then(() => over = true);
    await this.#simulator.advance(deadlineMs);
    if (!over) this.ledger.violate(`the stop was not over after ${deadlineMs} ms`);
    this.#checkAccount();
    // What comes too late must do no harm.
    this.#setCalm(true);
    await this.#simulator.advance(1_000);
    this.#checkAccount();
    this.#checkEnd();
  }

  #checkEnd(): void {
    const system = this.#system;
    const counts = system.counts();
    if (counts.queued !== 0) this.ledger.violate(`${counts.queued} are queued after the stop`);
    if (counts.deadLettered !== system.deadLetters.total) {
      this.ledger.violate(`${counts.deadLettered} dead, ${system.deadLetters.total} dead letters`);
    }
    if (!system.asks.idle) this.ledger.violate("asks are under way after the stop");
    const superseded = new Map(this.#paths.map((path) => {
      const node = system.nodeAt(path);
      // Who conflates, or was removed with its account, may have superseded any.
      const unknown = this.#conflating.has(path) && !(node instanceof MailboxNode);
      const known = this.#conflating.has(path) && node instanceof MailboxNode ? node.superseded : 0;
      return [path, unknown ? counts.superseded : known];
    }));
    this.ledger.close(counts.handled, superseded);
  }
}
