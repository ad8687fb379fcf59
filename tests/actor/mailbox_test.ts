import { z } from "zod";
import { seededRandom } from "../../src/actor/clock.ts";
import { Admission, Mailbox, type MailboxOptions } from "../../src/actor/mailbox.ts";
import { actor, type Priority, protocol } from "../../src/actor/mod.ts";
import { LANE } from "../../src/actor/protocol.ts";
import { assertEquals, assertGreater, assertRejects, assertThrows } from "@std/assert";
import { seedOf } from "./seed.ts";
import { assertBalanced, Harness, settle } from "./support.ts";

const { n: ENTRY } = protocol("n", { n: { payload: z.number() } }).entries;

function push(mailbox: Mailbox, payload: unknown, lane = LANE.normal, bytes = 1): number {
  return mailbox.push(lane, ENTRY, payload, null, 0, 0, bytes);
}

function drain(mailbox: Mailbox): unknown[] {
  const payloads: unknown[] = [];
  for (let m = mailbox.shift(); m !== null; m = mailbox.shift()) payloads.push(m.payload);
  return payloads;
}

/** A mailbox with 1, 2, … in it, up to its bound. */
function full(options: MailboxOptions & { readonly bound: number }, lane = LANE.normal): Mailbox {
  const mailbox = new Mailbox(options);
  for (let n = 1; n <= options.bound; n++) push(mailbox, n, lane);
  return mailbox;
}

// ---- bounds ---------------------------------------------------------------------------------------

Deno.test("Mailbox gives messages of one lane in order", () => {
  const mailbox = full({ bound: 100 });
  assertEquals(drain(mailbox), Array.from({ length: 100 }, (_, i) => i + 1));
});

Deno.test("Mailbox holds 8,192 messages by default", () => {
  const mailbox = new Mailbox();
  for (let n = 0; n < 8_192; n++) assertEquals(push(mailbox, n), Admission.accepted);
  assertEquals(push(mailbox, 0), Admission.refused);
});

Deno.test("Mailbox refuses what goes over its bytes", () => {
  const mailbox = new Mailbox({ boundBytes: 100 });
  assertEquals(push(mailbox, 1, LANE.normal, 60), Admission.accepted);
  assertEquals(push(mailbox, 2, LANE.normal, 41), Admission.refused);
  assertEquals(push(mailbox, 3, LANE.normal, 40), Admission.accepted);
});

Deno.test("Mailbox has its bytes back when a message leaves", () => {
  const mailbox = new Mailbox({ boundBytes: 100 });
  push(mailbox, 1, LANE.normal, 100);
  mailbox.shift();
  assertEquals([mailbox.bytes, mailbox.size], [0, 0]);
  assertEquals(push(mailbox, 2, LANE.normal, 100), Admission.accepted);
});

Deno.test("Mailbox.unshift() takes a message back over the bound, in front of its lane", () => {
  const mailbox = full({ bound: 2 });
  const first = mailbox.shift();
  push(mailbox, 3);
  if (first !== null) mailbox.unshift(first, LANE.normal);
  assertEquals(drain(mailbox), [1, 2, 3]);
});

for (
  const [what, options] of [
    ["a bound of 0", { bound: 0 }],
    ["a bound that is not an integer", { bound: 1.5 }],
    ["no bytes", { boundBytes: 0 }],
    ["bytes that are not a number", { boundBytes: NaN }],
  ] as const
) {
  Deno.test(`Mailbox refuses ${what}`, () => {
    assertThrows(() => new Mailbox(options), RangeError, "Cannot make a mailbox");
  });
}

Deno.test("Mailbox.oldestAtMs() is the earliest sending over all lanes", () => {
  const mailbox = new Mailbox();
  assertEquals(mailbox.oldestAtMs(), Infinity);
  mailbox.push(LANE.low, ENTRY, 1, null, 0, 30, 1);
  mailbox.push(LANE.urgent, ENTRY, 2, null, 0, 20, 1);
  mailbox.push(LANE.urgent, ENTRY, 3, null, 0, 10, 1);
  assertEquals(mailbox.oldestAtMs(), 20);
});

// ---- overflow -------------------------------------------------------------------------------------

for (const overflow of ["reject", "suspend"] as const) {
  Deno.test(`overflow ${overflow}: the arriving message is refused`, () => {
    const mailbox = full({ bound: 3, overflow });
    assertEquals(push(mailbox, 4), Admission.refused);
    assertEquals(drain(mailbox), [1, 2, 3]);
  });
}

Deno.test("overflow dropOldest: the oldest message gives way", () => {
  const mailbox = full({ bound: 3, overflow: "dropOldest" });
  assertEquals(push(mailbox, 4), Admission.displaced);
  assertEquals(mailbox.displaced?.payload, 1);
  assertEquals(drain(mailbox), [2, 3, 4]);
});

Deno.test("overflow dropOldest: the least important lane gives way first", () => {
  const mailbox = new Mailbox({ bound: 2, overflow: "dropOldest" });
  push(mailbox, "low", LANE.low);
  push(mailbox, "normal", LANE.normal);
  push(mailbox, "new", LANE.normal);
  assertEquals(mailbox.displaced?.payload, "low");
});

Deno.test("overflow dropOldest: a message less important than all queued is refused", () => {
  const mailbox = full({ bound: 3, overflow: "dropOldest" }, LANE.high);
  assertEquals(push(mailbox, 4, LANE.low), Admission.refused);
});

Deno.test("overflow dropOldest: a byte bound that one removal cannot meet refuses", () => {
  const mailbox = new Mailbox({ boundBytes: 100, overflow: "dropOldest" });
  push(mailbox, 1, LANE.normal, 30);
  push(mailbox, 2, LANE.normal, 70);
  assertEquals(push(mailbox, 3, LANE.normal, 31), Admission.refused);
  assertEquals(drain(mailbox), [1, 2]);
});

Deno.test("overflow dropNewest: the arriving message is refused among equals", () => {
  const mailbox = full({ bound: 3, overflow: "dropNewest" });
  assertEquals(push(mailbox, 4), Admission.refused);
  assertEquals(drain(mailbox), [1, 2, 3]);
});

Deno.test("overflow dropNewest: the newest of a less important lane gives way", () => {
  const mailbox = full({ bound: 3, overflow: "dropNewest" }, LANE.low);
  assertEquals(push(mailbox, 4, LANE.high), Admission.displaced);
  assertEquals(mailbox.displaced?.payload, 3);
  assertEquals(drain(mailbox), [4, 1, 2]);
});

// ---- priorities -----------------------------------------------------------------------------------

Deno.test("priorities are served 8:4:2:1", () => {
  const mailbox = new Mailbox();
  for (let n = 0; n < 200; n++) for (const lane of [3, 2, 1, 0]) push(mailbox, lane, lane);
  const served = [0, 0, 0, 0];
  for (let n = 0; n < 150; n++) {
    const lane = mailbox.shift()?.payload as number;
    served[lane] = (served[lane] as number) + 1;
  }
  assertEquals(served, [80, 40, 20, 10]);
});

Deno.test("the lowest priority still moves under a load of urgent messages", () => {
  const mailbox = new Mailbox();
  push(mailbox, "low", LANE.low);
  for (let n = 0; n < 20; n++) push(mailbox, n, LANE.urgent);
  const served = Array.from({ length: 16 }, () => mailbox.shift()?.payload);
  assertEquals(served.includes("low"), true);
});

Deno.test("an urgent message goes before what is queued already", () => {
  const mailbox = new Mailbox();
  for (const n of [1, 2, 3]) push(mailbox, n);
  push(mailbox, "urgent", LANE.urgent);
  assertEquals(drain(mailbox), ["urgent", 1, 2, 3]);
});

// ---- conflation -----------------------------------------------------------------------------------

const conflate = (_type: string, payload: unknown) => (payload as [string | null, number])[0];

Deno.test("conflate: a newer message takes the place of the one with its key", () => {
  const mailbox = new Mailbox({ overflow: { conflate } });
  for (const tick of [["a", 1], ["b", 1], ["a", 2]]) push(mailbox, tick);
  assertEquals(mailbox.displaced?.payload, ["a", 1]);
  assertEquals(drain(mailbox), [["a", 2], ["b", 1]]);
});

Deno.test("conflate: a message that was taken is not replaced", () => {
  const mailbox = new Mailbox({ overflow: { conflate } });
  push(mailbox, ["a", 1]);
  mailbox.shift();
  assertEquals(push(mailbox, ["a", 2]), Admission.accepted);
});

Deno.test("conflate: messages with the key null are kept apart", () => {
  const mailbox = new Mailbox({ overflow: { conflate } });
  push(mailbox, [null, 1]);
  assertEquals(push(mailbox, [null, 2]), Admission.accepted);
});

Deno.test("conflate: a known key is taken in by a full mailbox, a new one is not", () => {
  const mailbox = new Mailbox({ bound: 1, overflow: { conflate } });
  push(mailbox, ["a", 1]);
  assertEquals(push(mailbox, ["b", 1]), Admission.refused);
  assertEquals(push(mailbox, ["a", 2]), Admission.superseded);
});

Deno.test("conflate: bytes are those of the newer message", () => {
  const mailbox = new Mailbox({ overflow: { conflate } });
  push(mailbox, ["a", 1], LANE.normal, 10);
  push(mailbox, ["a", 2], LANE.normal, 25);
  assertEquals(mailbox.bytes, 25);
});

Deno.test("conflate: a newer message that is too big is refused and the older kept", () => {
  const mailbox = new Mailbox({ boundBytes: 20, overflow: { conflate } });
  push(mailbox, ["a", 1], LANE.normal, 10);
  assertEquals(push(mailbox, ["a", 2], LANE.normal, 21), Admission.refused);
  assertEquals(drain(mailbox), [["a", 1]]);
});

Deno.test("conflate: a key function that throws keeps messages apart", () => {
  const mailbox = new Mailbox({
    overflow: {
      conflate: () => {
        throw new Error("no key");
      },
    },
  });
  push(mailbox, 1);
  assertEquals(push(mailbox, 2), Admission.accepted);
  assertEquals(drain(mailbox), [1, 2]);
});

// ---- a slow twin ----------------------------------------------------------------------------------

interface TwinMessage {
  readonly payload: readonly [string, number];
  readonly bytes: number;
}

/** The mailbox as four arrays, for comparison. */
class Twin {
  lanes: TwinMessage[][] = [[], [], [], []];
  displaced: TwinMessage | null = null;
  #credits = [8, 4, 2, 1];
  constructor(
    readonly bound: number,
    readonly boundBytes: number,
    readonly overflow: "reject" | "dropOldest" | "dropNewest" | "conflate",
  ) {}

  get all(): TwinMessage[] {
    return this.lanes.flat();
  }
  get bytes(): number {
    return this.all.reduce((sum, m) => sum + m.bytes, 0);
  }

  push(lane: number, message: TwinMessage): number {
    this.displaced = null;
    if (this.overflow === "conflate") {
      for (const ring of this.lanes) {
        const at = ring.findIndex((m) => m.payload[0] === message.payload[0]);
        if (at < 0) continue;
        const before = ring[at] as TwinMessage;
        if (this.bytes - before.bytes + message.bytes > this.boundBytes) return Admission.refused;
        this.displaced = before;
        ring[at] = message;
        return Admission.superseded;
      }
    }
    const fits = this.all.length < this.bound && this.bytes + message.bytes <= this.boundBytes;
    if (!fits && !this.#makeRoom(lane, message.bytes)) return Admission.refused;
    this.lanes[lane]?.push(message);
    return fits ? Admission.accepted : Admission.displaced;
  }

  #makeRoom(lane: number, bytes: number): boolean {
    const least = this.overflow === "dropOldest" ? lane : lane + 1;
    if (this.overflow !== "dropOldest" && this.overflow !== "dropNewest") return false;
    const from = [3, 2, 1, 0].find((at) => at >= least && (this.lanes[at]?.length ?? 0) > 0);
    const ring = from === undefined ? undefined : this.lanes[from];
    const victim = this.overflow === "dropOldest" ? ring?.[0] : ring?.at(-1);
    if (ring === undefined || victim === undefined) return false;
    if (this.bytes - victim.bytes + bytes > this.boundBytes) return false;
    this.displaced = victim;
    ring.splice(ring.indexOf(victim), 1);
    return true;
  }

  shift(): TwinMessage | null {
    const filled = [0, 1, 2, 3].filter((at) => (this.lanes[at]?.length ?? 0) > 0);
    if (filled.length === 0) return null;
    if (filled.length === 1) return this.lanes[filled[0] as number]?.shift() ?? null;
    if (filled.every((at) => this.#credits[at] === 0)) this.#credits = [8, 4, 2, 1];
    const lane = filled.find((at) => (this.#credits[at] as number) > 0) as number;
    this.#credits[lane] = (this.#credits[lane] as number) - 1;
    return this.lanes[lane]?.shift() ?? null;
  }
}

function takeDisplaced(mailbox: Mailbox) {
  const { displaced } = mailbox;
  mailbox.displaced = null;
  return displaced;
}

for (const overflow of ["reject", "dropOldest", "dropNewest", "conflate"] as const) {
  Deno.test(`overflow ${overflow}: agrees with four arrays over random operations`, () => {
    const seed = seedOf(`mailbox ${overflow}`);
    const random = seededRandom(seed);
    const below = (n: number) => Math.floor(random.next() * n);
    const mailbox = new Mailbox({
      bound: 20,
      boundBytes: 150,
      overflow: overflow === "conflate" ? { conflate } : overflow,
    });
    const twin = new Twin(20, 150, overflow);
    for (let n = 0; n < 20_000; n++) {
      const why = `seed ${seed}, operation ${n}`;
      if (random.next() < 0.6) {
        const message = { payload: [`k${below(25)}`, n] as const, bytes: 1 + below(20) };
        const lane = below(4);
        const admission = push(mailbox, message.payload, lane, message.bytes);
        assertEquals(admission, twin.push(lane, message), why);
        assertEquals(takeDisplaced(mailbox)?.payload, twin.displaced?.payload, why);
      } else {
        assertEquals(mailbox.shift()?.payload, twin.shift()?.payload, why);
      }
      assertEquals([mailbox.size, mailbox.bytes], [twin.all.length, twin.bytes], why);
    }
  });
}

// ---- as actors see it -----------------------------------------------------------------------------

const Ticks = protocol("ticks", {
  tick: { payload: z.strictObject({ key: z.string(), n: z.number() }), reply: z.number() },
});

/** An actor that handles nothing before its gate opens. */
async function blocked(harness: Harness, mailbox: MailboxOptions) {
  const seen: number[] = [];
  const gate = Promise.withResolvers<void>();
  const ticks = actor(Ticks, () => ({
    tick: async ({ n }) => {
      await gate.promise;
      seen.push(n);
      return n;
    },
  }));
  const ref = harness.system.spawn(ticks, { name: "ticks", args: {}, mailbox });
  ref.tell("tick", { key: "first", n: 0 });
  await settle();
  return { ref, seen, gate };
}

const tick = (n: number, key = "k") => ["tick", { key, n }] as const;

Deno.test("tell() to a full mailbox says overflow and is dead-lettered", async () => {
  await using harness = new Harness();
  const { ref } = await blocked(harness, { bound: 2 });
  assertEquals([1, 2, 3].map((n) => ref.tell(...tick(n))), ["accepted", "accepted", "overflow"]);
  assertEquals(harness.system.deadLetters.counts.overflow, 1);
  assertBalanced(harness.system);
});

Deno.test("a message given up for a newer one is dead-lettered and its ask rejects", async () => {
  await using harness = new Harness();
  const { ref } = await blocked(harness, { bound: 1, overflow: "dropOldest" });
  const asked = ref.ask(...tick(1));
  assertEquals(ref.tell(...tick(2)), "accepted");
  await assertRejects(() => asked, "the mailbox is full");
  assertEquals(harness.system.deadLetters.list()[0]?.payload, { key: "k", n: 1 });
});

const byKey = { conflate: (_type: string, payload: unknown) => (payload as { key: string }).key };

Deno.test("a superseded ask rejects with Overflow and is no dead letter", async () => {
  await using harness = new Harness();
  const { ref } = await blocked(harness, { overflow: byKey });
  const asked = ref.ask(...tick(1));
  ref.tell(...tick(2));
  await assertRejects(() => asked, "a newer message took its place");
  assertEquals([harness.system.counts().superseded, harness.system.deadLetters.total], [1, 0]);
  assertBalanced(harness.system);
});

Deno.test("of conflated ticks only the newest is handled", async () => {
  await using harness = new Harness();
  const { ref, seen, gate } = await blocked(harness, { overflow: byKey });
  for (let n = 1; n <= 100; n++) ref.tell(...tick(n));
  gate.resolve();
  await settle();
  assertEquals(seen, [0, 100]);
});

Deno.test("offer() waits for room, and comes before what is offered later", async () => {
  await using harness = new Harness();
  const { ref, seen, gate } = await blocked(harness, { bound: 1, overflow: "suspend" });
  const results: string[] = [];
  for (const n of [1, 2, 3]) {
    void ref.offer(...tick(n)).then((result) => results.push(`${n} ${result}`));
  }
  await settle();
  assertEquals(results, ["1 accepted"]);
  gate.resolve();
  await settle();
  assertEquals([results.slice(1), seen], [["2 accepted", "3 accepted"], [0, 1, 2, 3]]);
});

Deno.test("offer() of what can never fit is refused at once", async () => {
  await using harness = new Harness();
  const { ref } = await blocked(harness, { boundBytes: 500, overflow: "suspend" });
  const key = "x".repeat(1_000);
  assertEquals(await ref.offer("tick", { key, n: 1 }), "overflow");
});

Deno.test("offer() elsewhere is a tell", async () => {
  await using harness = new Harness();
  const { ref } = await blocked(harness, { bound: 1 });
  ref.tell(...tick(1));
  assertEquals(await ref.offer(...tick(2)), "overflow");
});

Deno.test("offer() that waits is let in after a crash that emptied the mailbox", async () => {
  await using harness = new Harness();
  const Once = protocol("once", { n: { payload: z.number() } });
  const seen: number[] = [];
  const once = actor(Once, () => ({
    n: (n) => {
      if (n === 1) throw new Error("boom");
      seen.push(n);
    },
  }));
  const ref = harness.system.spawn(once, {
    name: "once",
    args: {},
    mailbox: { bound: 1, overflow: "suspend" },
  });
  ref.tell("n", 1);
  const offered = ref.offer("n", 2);
  await settle();
  assertEquals([await offered, seen], ["accepted", [2]]);
});

Deno.test("offer() that waits settles as stopped when the actor stops", async () => {
  await using harness = new Harness();
  const { ref, gate } = await blocked(harness, { bound: 1, overflow: "suspend" });
  ref.tell(...tick(1));
  const offered = ref.offer(...tick(2));
  const stopped = harness.system.stopAt("/wick/ticks");
  gate.resolve();
  await stopped;
  assertEquals(await offered, "stopped");
  assertBalanced(harness.system);
});

Deno.test("a priority named by the sender goes before the protocol's", async () => {
  await using harness = new Harness();
  const { ref, seen, gate } = await blocked(harness, {});
  const priorities: Priority[] = ["low", "normal", "high", "urgent"];
  priorities.forEach((priority, n) => ref.tell("tick", { key: "k", n: n + 1 }, { priority }));
  gate.resolve();
  await settle();
  assertEquals(seen, [0, 4, 3, 2, 1]);
});

Deno.test("a control message behind 20,000 queued ones waits for few of them", async () => {
  const Mixed = protocol("mixed", {
    work: { payload: z.null() },
    control: { payload: z.null(), priority: "urgent", reply: z.number() },
  });
  await using harness = new Harness();
  let worked = 0;
  const mixed = actor(Mixed, () => ({ work: () => void worked++, control: () => worked }));
  const ref = harness.system.spawn(mixed, {
    name: "mixed",
    args: {},
    mailbox: { bound: 30_000 },
  });
  for (let i = 0; i < 20_000; i++) ref.tell("work", null);
  assertEquals(await ref.ask("control", null), 0);
  await settle();
  assertGreater(worked, 0);
});

Deno.test("columns count with their length in bytes", () => {
  const Sized = protocol("sized", { column: { payload: z.custom<Float64Array>() } });
  const { bytesOf } = Sized.entries.column;
  assertEquals(bytesOf(new Float64Array(1_000)) - bytesOf(new Float64Array(0)), 8_000);
});
