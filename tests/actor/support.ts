/**
 * What the tests of the runtime share: a system under a virtual clock, and an actor that writes a
 * journal of what happens to it.
 *
 * @module
 */
import { z } from "zod";
import {
  actor,
  type ActorDefinition,
  createSystem,
  type ExitReason,
  type LogLevel,
  protocol,
  seededRandom,
  type System,
  type SystemOptions,
  VirtualClock,
} from "../../src/actor/mod.ts";
import { nextTurn } from "../../src/actor/clock.ts";
import { assert, assertEquals } from "@std/assert";

/** One turn of the event loop, after everything that is ready now. */
export function turn(): Promise<void> {
  return new Promise((resolve) => nextTurn(resolve));
}

/** Lets the scheduler and every chain of promises come to rest. No time passes. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 8; i++) await turn();
}

/** A line that the system logged. */
export interface LogLine {
  readonly level: LogLevel;
  readonly path: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A system under a virtual clock; ends without delay when it goes out of scope. */
export class Harness implements AsyncDisposable {
  readonly clock = new VirtualClock();
  readonly lines: LogLine[] = [];
  readonly system: System;

  constructor(options: SystemOptions = {}) {
    this.system = createSystem({
      clock: this.clock,
      random: seededRandom(1),
      log: (level, path, message, fields = {}) => {
        this.lines.push({ level, path, message, fields });
      },
      ...options,
    });
  }

  /** Lets `ms` pass, and everything run that falls due on the way. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.clock.now() + ms;
    await settle();
    while (this.clock.nextTimerAt() <= untilMs) {
      this.clock.fireNext();
      await settle();
    }
    this.clock.advance(untilMs - this.clock.now());
    await settle();
  }

  /** The node at a path below the root. */
  node(path: string) {
    const node = this.system.nodeAt(`${this.system.root.path}/${path}`);
    assert(node !== null, `nothing lives at ${path}`);
    return node;
  }

  /** Name, incarnation and, unless it runs, state of each child: `a1 b2 c:stopped`. */
  children(path = ""): string {
    const at = path === "" ? this.system.root.path : `${this.system.root.path}/${path}`;
    const find = (tree: ReturnType<System["tree"]>): ReturnType<System["tree"]> | undefined =>
      tree.path === at ? tree : tree.children.map(find).find((found) => found !== undefined);
    const found = find(this.system.tree());
    assert(found !== undefined, `nothing lives at ${at}`);
    return found.children.map(({ name, state, incarnation }) =>
      state === "running" ? `${name}${incarnation}` : `${name}:${state}`
    ).join(" ");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.system.stop({ deadlineMs: 0, drain: false });
  }
}

/**
 * Asserts that everything ever sent is accounted for, and that the dead letters agree; `buried` of
 * them were no messages.
 */
export function assertBalanced(system: System, buried = 0): void {
  const { sent, handled, queued, deadLettered, superseded } = system.counts();
  assertEquals(
    { sent, deadLettered },
    {
      sent: handled + queued + deadLettered + superseded,
      deadLettered: system.deadLetters.total - buried,
    },
  );
}

/** The messages of {@linkcode Journal.actor}. */
export const Work = protocol("work", {
  /** Written down. */
  do: { payload: z.string() },
  /** Throws an error with this text. */
  crash: { payload: z.string() },
  /** Stops itself. */
  leave: { payload: z.enum(["normal", "shutdown"]) },
  /** Ends when the journal's gate of that name opens. */
  wait: { payload: z.string(), reply: z.string() },
  /** Replies with the incarnation. */
  who: { payload: z.null(), reply: z.number() },
});

/** What happened to some actors, in order. */
export class Journal {
  readonly lines: string[] = [];
  /** Decides whether an init fails. */
  failInit: (name: string, incarnation: number) => boolean = () => false;
  /** Clean-up of an actor, by name. */
  readonly cleanUps = new Map<string, (reason: ExitReason) => void | Promise<void>>();
  readonly #gates = new Map<string, PromiseWithResolvers<void>>();

  gate(name: string): PromiseWithResolvers<void> {
    let gate = this.#gates.get(name);
    if (gate === undefined) this.#gates.set(name, gate = Promise.withResolvers<void>());
    return gate;
  }

  /** The lines since the last look. */
  take(): string[] {
    return this.lines.splice(0);
  }

  /** An actor that writes down its starts, its messages and its ends; `init` names a gate. */
  readonly actor: ActorDefinition<typeof Work.definition, { readonly init?: string }> = actor(
    Work,
    (ctx, { init }: { readonly init?: string }) => {
      const { name, incarnation } = ctx;
      const note = (text: string) => void this.lines.push(`${name} ${text}`);
      const start = () => {
        if (this.failInit(name, incarnation)) throw new Error(`init of ${name} fails`);
        note(`starts ${incarnation}`);
        ctx.onStop((reason) => {
          note(`ends ${reason}`);
          return this.cleanUps.get(name)?.(reason);
        });
        return {
          do: (text: string) => note(`does ${text}`),
          crash: (text: string) => {
            throw new Error(text);
          },
          leave: (reason: "normal" | "shutdown") => ctx.stop(reason),
          wait: async (gate: string) => {
            await this.gate(gate).promise;
            note(`waited for ${gate}`);
            return gate;
          },
          who: () => incarnation,
        };
      };
      return init === undefined ? start() : this.gate(init).promise.then(start);
    },
  );
}
