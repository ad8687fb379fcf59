/**
 * The actor of the thread tests: it does in its thread whatever it is told to.
 *
 * @module
 */
import { z } from "zod";
import { actor, type Deferred, protocol, type Ref, systemClock } from "../../src/actor/mod.ts";
import type { Work } from "./support.ts";

/** So many that a few hundred messages do not fit into a ring. */
export const WIDE_FIELDS = 40;

function numbersOf(fields: number): Record<string, z.ZodNumber> {
  return Object.fromEntries(Array.from({ length: fields }, (_, i) => [`f${i}`, z.number()]));
}

/** Its messages. */
export const Threaded = protocol("threaded", {
  echo: { payload: z.unknown(), reply: z.unknown() },
  who: { payload: z.null(), reply: z.number() },
  /** Keeps a text until the end of the incarnation. */
  note: { payload: z.string() },
  notes: { payload: z.null(), reply: z.array(z.string()) },
  /** As `note`, of a payload that is all numbers, and of one of many. */
  count: { payload: z.strictObject({ n: z.number() }) },
  wide: { payload: z.strictObject(numbersOf(WIDE_FIELDS)) },
  /** All numbers both ways; `crashAt` throws at 0. */
  next: { payload: z.strictObject({ n: z.number() }), reply: z.number() },
  crashAt: { payload: z.strictObject({ n: z.number() }), reply: z.number() },
  crash: { payload: z.string(), reply: z.null() },
  leave: { payload: z.null() },
  /** Ends the thread. */
  exit: { payload: z.number(), reply: z.null() },
  /** Takes memory until there is none. */
  hog: { payload: z.null(), reply: z.null() },
  /** Loops without giving way. */
  spin: { payload: z.number() },
  never: { payload: z.null(), reply: z.null() },
  later: { payload: z.string(), reply: z.string() },
  release: { payload: z.null() },
  stash: { payload: z.string() },
  unstash: { payload: z.null() },
  /** Doubles a column and gives it back. */
  double: {
    payload: z.custom<Float64Array<ArrayBuffer>>(),
    reply: z.custom<Float64Array<ArrayBuffer>>(),
    columns: true,
  },
  /** Replies with a column of its own, which it keeps. */
  own: { payload: z.null(), reply: z.custom<Float64Array>() },
  function: { payload: z.null(), reply: z.unknown() },
  askMain: { payload: z.null(), reply: z.number() },
  tellMain: { payload: z.unknown() },
  askMainBadly: { payload: z.unknown(), reply: z.string() },
  tellSelf: { payload: z.string() },
  bury: { payload: z.string() },
  watch: { payload: z.null() },
  gone: { payload: z.strictObject({ path: z.string(), reason: z.string() }) },
  tick: { payload: z.null() },
  timer: { payload: z.null() },
});

/** Its arguments. */
export interface ThreadArgs {
  /** An actor elsewhere. */
  readonly main?: Ref<typeof Work.definition>;
  readonly mains?: readonly Ref<typeof Work.definition>[];
  /** First incarnation whose init works; default 1. */
  readonly initFrom?: number;
  /** Later inits fail from this one on. */
  readonly initUntil?: number;
  readonly asyncInit?: boolean;
  /** The clean-up never ends. */
  readonly endless?: boolean;
}

/** See {@linkcode Threaded}. */
export const threaded = actor(Threaded, (ctx, args: ThreadArgs) => {
  if (ctx.incarnation < (args.initFrom ?? 1) || ctx.incarnation >= (args.initUntil ?? Infinity)) {
    const error = new Error(`init ${ctx.incarnation} fails`);
    if (args.asyncInit === true) return Promise.reject(error);
    throw error;
  }
  const notes: string[] = [];
  const column = Float64Array.of(1, 2, 3);
  const waiting: { text: string; reply: Deferred<string> }[] = [];
  let open = false;
  if (args.endless === true) ctx.onStop(() => new Promise(() => {}));
  const handlers = {
    echo: (value: unknown) => value,
    who: () => ctx.incarnation,
    note: (text: string) => void notes.push(text),
    notes: () => notes,
    count: ({ n }: { n: number }) => void notes.push(`${n}`),
    wide: (fields: Record<string, number>) => {
      const values = Object.values(fields);
      notes.push(values.every((value) => value === values[0]) ? `${values[0]}` : "mixed up");
    },
    next: ({ n }: { n: number }) => n + 1,
    crashAt: ({ n }: { n: number }) => {
      if (n === 0) throw new RangeError("zero");
      return n;
    },
    crash: (text: string) => {
      throw new RangeError(text);
    },
    leave: () => ctx.stop("normal"),
    exit: (code: number) => Deno.exit(code),
    hog: () => {
      const hoard: unknown[] = [];
      for (;;) hoard.push(new Array(10_000).fill(hoard.length));
    },
    spin: (ms: number) => {
      const untilMs = systemClock.now() + ms;
      while (systemClock.now() < untilMs);
    },
    never: () => new Promise<null>(() => {}),
    later: (text: string) => {
      const reply = ctx.defer<string>();
      waiting.push({ text, reply });
      return reply;
    },
    release: () => waiting.splice(0).forEach(({ text, reply }) => reply.resolve(text)),
    stash: (text: string) => {
      if (!open) return ctx.stash();
      return void notes.push(text);
    },
    unstash: () => {
      open = true;
      ctx.unstash();
    },
    double: (values: Float64Array<ArrayBuffer>) => {
      for (let i = 0; i < values.length; i++) values[i] = 2 * (values[i] as number);
      return values;
    },
    own: () => column,
    function: () => () => {},
    askMain: () => (args.main ?? args.mains?.[0])?.ask("who", null) ?? Promise.resolve(-1),
    tellMain: (value: unknown) => void args.main?.tell("do", value as string),
    askMainBadly: async (how: unknown) => {
      const timeoutMs = how === "timeout" ? 20 : how === "zero" ? 0 : 1_000;
      const type = how === "crash" ? "crash" : how === "timeout" ? "wait" : "who";
      const payload = how === "function" ? () => {} : "x";
      try {
        await args.main?.ask(type as "wait", payload as string, { timeoutMs });
        return "replied";
      } catch (error) {
        const { name, message, cause } = error as Error;
        return `${name}: ${message}: ${cause instanceof Error ? cause.message : "no cause"}`;
      }
    },
    tellSelf: (text: string) => {
      ctx.self.tell("note", text);
      throw new Error("after it told itself");
    },
    bury: (text: string) => ctx.bury("candle", { text }, new Error("not usable")),
    watch: () => args.main && ctx.watch(args.main, "gone"),
    gone: ({ path, reason }: { path: string; reason: string }) =>
      void notes.push(`${path} ${reason}`),
    tick: () => void notes.push("tick"),
    timer: () => ctx.timer("t", { delayMs: 1 }, "tick", null),
  };
  return args.asyncInit === true ? Promise.resolve(handlers) : handlers;
});
