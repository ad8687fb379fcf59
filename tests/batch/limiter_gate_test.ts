/** The gate: waiting, signals, leases, snapshots, on a virtual clock. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { VirtualClock } from "../../src/actor/clock.ts";
import type { LimiterOptions } from "../../src/batch/limit_options.ts";
import type { LimiterSnapshot } from "../../src/batch/limit_snapshot.ts";
import {
  type AcquireOptions,
  type Lease,
  LimiterGate,
  LimitRefused,
} from "../../src/batch/limiter_gate.ts";
import { Limiter } from "../../src/batch/limiter.ts";

const OPTIONS: LimiterOptions = {
  limits: [{ name: "one", rate: { requests: 2, windowMs: 1_000 }, begin: "free" }],
  driftRatio: 0,
};

interface Rig {
  readonly clock: VirtualClock;
  readonly gate: LimiterGate;
  readonly limiter: Limiter;
  /** Leases in the order they came. */
  readonly leases: Lease[];
  /** Asks and does not wait. */
  ask(options?: AcquireOptions): void;
  /** Moves the clock, letting promises run. */
  advance(ms: number): Promise<void>;
}

function rig(
  options: Partial<LimiterOptions> = {},
  save?: (it: LimiterSnapshot) => Promise<void>,
): Rig {
  const clock = new VirtualClock(0);
  const limiter = new Limiter({ ...OPTIONS, ...options }, 0);
  const gate = new LimiterGate(limiter, clock, save === undefined ? {} : { save });
  const leases: Lease[] = [];
  return {
    clock,
    gate,
    limiter,
    leases,
    ask: (asked) => void gate.acquire(asked).then((lease) => leases.push(lease), () => {}),
    async advance(ms) {
      await settled();
      clock.advance(ms);
      await settled();
    },
  };
}

/** Everything that is due has run. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

Deno.test("LimiterGate.acquire() waits a window after the response", async () => {
  const { gate, clock, leases, ask, advance } = rig();
  for (let i = 0; i < 3; i++) ask();
  await advance(100);
  assertEquals(leases.length, 2);
  assertEquals(clock.nextTimerAt(), Infinity);
  leases[0]?.release();
  await advance(999);
  assertEquals(leases.length, 2);
  await advance(1);
  assertEquals(leases.length, 3);
  assertEquals(leases[2]?.waitedMs, 1_100);
  await gate.close();
});

Deno.test("LimiterGate.acquire() gives its place up when its signal aborts", async () => {
  const { gate, limiter, leases, ask, advance } = rig();
  ask();
  ask();
  const controller = new AbortController();
  const waiting = gate.acquire({ signal: controller.signal });
  ask();
  await advance(0);
  controller.abort(new Error("no longer wanted"));
  await assertRejects(() => waiting, Error, "no longer wanted");
  assertEquals([limiter.status(0).waiting, limiter.status(0).cancelled], [1, 1]);
  for (const lease of leases) lease.release();
  await advance(1_000);
  assertEquals(leases.length, 3);
  await assertRejects(() => gate.acquire({ signal: controller.signal }), Error, "no longer wanted");
  await gate.close();
});

Deno.test("LimiterGate.acquire() rejects when too many wait, with a code and a time", async () => {
  const { gate, ask } = rig({ waitersMax: 1 });
  for (let i = 0; i < 3; i++) ask();
  const refused = await assertRejects(() => gate.acquire(), LimitRefused, "fewer than 1 waiting");
  assertEquals([refused.code, refused.retryAfterMs], ["user_waiters", 1_000]);
  await gate.close();
});

Deno.test("Lease.release() follows the headers of the response", async () => {
  const { gate, leases, ask, advance } = rig();
  ask();
  await advance(0);
  leases[0]?.release(new Headers({ "retry-after": "7" }), 429);
  ask();
  await advance(6_999);
  assertEquals(leases.length, 1);
  await advance(1);
  assertEquals(leases.length, 2);
  await gate.close();
});

Deno.test("Lease counts once; an unused slot is free at once, a block left is lost", async () => {
  const { gate, leases, ask, advance } = rig({ strayMs: 500 });
  for (let i = 0; i < 4; i++) ask();
  await advance(0);
  leases[0]?.unused();
  leases[0]?.release();
  await advance(0);
  assertEquals(leases.length, 3);
  {
    using _lease = leases[1] as Lease;
  }
  await advance(1_499);
  assertEquals(leases.length, 3);
  await advance(1);
  assertEquals(leases.length, 4);
  await gate.close();
});

Deno.test("LimiterGate.setRate() lets those go who wait for it", async () => {
  const { gate, leases, ask, advance } = rig();
  for (let i = 0; i < 5; i++) ask();
  await advance(0);
  gate.setRate("one", { requests: 5, windowMs: 1_000 });
  await advance(0);
  assertEquals(leases.length, 5);
  await gate.close();
});

Deno.test("LimiterGate saves before the first grant and when due, one at a time", async () => {
  const disk: LimiterSnapshot[] = [];
  const writes: (() => void)[] = [];
  const { gate, leases, ask, advance } = rig({ reserve: 2 }, (snapshot) => {
    disk.push(snapshot);
    return new Promise((resolve) => writes.push(resolve));
  });
  ask();
  ask();
  await advance(1_000);
  assertEquals([leases.length, disk.length], [0, 1]);
  writes.shift()?.();
  await advance(0);
  assertEquals([leases.length, disk.length], [2, 2]);
  writes.shift()?.();
  await advance(0);
  const closed = gate.close();
  await advance(0);
  writes.shift()?.();
  await closed;
  assertEquals(disk.at(-1)?.reserved, 0);
});

Deno.test("LimiterGate tries a failed write again and grants nothing meanwhile", async () => {
  let writes = 0;
  const { gate, leases, ask, advance } = rig({ reserve: 2 }, () => {
    if (++writes < 3) throw new Error("disk full");
    return Promise.resolve();
  });
  ask();
  await advance(999);
  assertEquals([writes, leases.length], [1, 0]);
  await advance(1);
  assertEquals([writes, leases.length], [2, 0]);
  await advance(1_000);
  assertEquals(leases.length, 1);
  await gate.close();
});

Deno.test("LimiterGate.close() refuses who waits, leaves no timer, and is idempotent", async () => {
  const { gate, clock, leases, ask, advance } = rig();
  ask();
  ask();
  await advance(0);
  leases[0]?.release();
  const waiting = gate.acquire();
  const refused = assertRejects(() => waiting, LimitRefused, "an open limiter");
  assert(clock.nextTimerAt() < Infinity);
  await gate.close();
  await gate.close();
  await refused;
  assertEquals(clock.nextTimerAt(), Infinity);
  leases[1]?.release();
  await assertRejects(() => gate.acquire(), LimitRefused, "an open limiter");
});
