import { assert, assertEquals } from "@std/assert";
import { type Random, seededRandom } from "../../src/actor/clock.ts";
import { Cache } from "../../src/cache/cache.ts";
import { LEAD_MAX } from "../../src/cache/policy_lfu.ts";
import { POLICY_NAMES, type PolicyName } from "../../src/cache/types.ts";
import { seedOf } from "../actor/seed.ts";
import { HybridTwin, LfuTwin, type PolicyTwin, S3FifoTwin } from "./policy_twins.ts";

const TIMES = { softTtlMs: Infinity, hardTtlMs: Infinity };
const ACCESSES = 4_000;

/** Popular keys, a loop, and keys that come once, in turns. */
function* keysBy(random: Random, entriesMax: number, accesses: number): Generator<string> {
  let once = 0, round = 0;
  for (let i = 0; i < accesses; i++) {
    const phase = Math.floor(i / (entriesMax * 8)) % 3;
    const isOnce = random.next() < 0.15;
    if (isOnce) yield `once:${once++}`;
    else if (phase === 0) yield `key:${Math.floor(entriesMax * 3 * random.next() ** 3)}`;
    else if (phase === 1) yield `loop:${round++ % Math.ceil(entriesMax * 1.3)}`;
    else yield `key:${Math.floor(entriesMax * 1.5 * random.next())}`;
  }
}

function request(cache: Cache<number>, key: string): boolean {
  if (cache.find(key) >= 0) return true;
  cache.set(key, 1, TIMES);
  return false;
}

const TWINS: Partial<Record<PolicyName, (entriesMax: number) => PolicyTwin>> = {
  lfu: (entriesMax) => new LfuTwin(entriesMax, LEAD_MAX),
  hybrid: (entriesMax) => new HybridTwin(entriesMax),
  s3fifo: (entriesMax) => new S3FifoTwin(entriesMax),
};

for (const [policy, twinOf] of Object.entries(TWINS)) {
  Deno.test(`Cache with ${policy} hits as its twin`, () => {
    const random = seededRandom(seedOf("policy_test"));
    for (const entriesMax of [1, 2, 3, 7, 20, 100]) {
      const cache = new Cache<number>({
        entriesMax,
        policy: policy as PolicyName,
        time: { now: () => 0 },
        random,
      });
      const twin = twinOf(entriesMax);
      let at = 0;
      for (const key of keysBy(random, entriesMax, ACCESSES)) {
        assertEquals(request(cache, key), twin.access(key), `${entriesMax} entries, ${at++}`);
      }
      cache.invariant();
    }
  });
}

for (const policy of POLICY_NAMES) {
  Deno.test(`Cache with ${policy} is sound under random operations, bounds and times`, () => {
    const random = seededRandom(seedOf("policy_test"));
    for (let round = 0; round < 8; round++) {
      let nowMs = 0;
      const isWeighed = round % 2 === 1;
      const cache = new Cache<number>({
        entriesMax: 1 + Math.floor(random.next() * 300),
        ...(isWeighed ? { weightMaxBytes: 2_000, weigh: (value: number) => value } : {}),
        policy,
        time: { now: () => nowMs },
        random,
      });
      for (const key of keysBy(random, cache.entriesMax, ACCESSES)) {
        const chance = random.next();
        nowMs += Math.floor(random.next() * 20);
        if (chance < 0.02) cache.delete(key);
        else if (chance < 0.04) cache.markStale(key);
        else if (chance < 0.06) cache.expire();
        else if (chance < 0.061) cache.protect(`${key.slice(0, 5)}*`);
        else if (chance < 0.062) cache.unprotect(cache.protection().patterns[0] ?? "none");
        else if (chance < 0.063) {
          cache.resize({ entriesMax: 1 + Math.floor(random.next() * 300) });
        } else if (chance < 0.0631) cache.clear();
        else if (cache.find(key) < 0 || chance > 0.95) {
          const softTtlMs = random.next() * 10_000;
          const hardTtlMs = random.next() < 0.1 ? Infinity : softTtlMs * (1 + random.next());
          cache.set(key, Math.floor(random.next() * 60), { softTtlMs, hardTtlMs });
        }
        if (random.next() < 0.01) cache.invariant();
      }
      cache.invariant();
      for (const key of cache.keys()) {
        const slot = cache.locate(key);
        if (slot >= 0) assert(cache.segmentAt(slot).length > 0);
      }
    }
  });
}
