import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { type RateParts, SymbolRates } from "../../src/warm/rates.ts";
import { seedOf } from "../actor/seed.ts";

const START_MS = 1_772_514_000_000;
const MINUTE_MS = 60_000;

function partsOf(rates: SymbolRates, row: number, atMs: number): RateParts {
  const parts = { usual: 0, sector: 0, day: 0, hour: 0, minutes: 0 };
  rates.read(row, atMs, parts);
  return parts;
}

const shareOf = ({ usual, sector, day, hour, minutes }: RateParts) =>
  Math.exp(usual + sector + day + hour + minutes);

Deno.test("SymbolRates finds rows by hash through random holds and releases", () => {
  const seed = seedOf("rates_test");
  const random = seededRandom(seed);
  const rates = new SymbolRates(50);
  const twin = new Map<number, { row: number; users: number }>();
  let users = 0;
  for (let step = 0; step < 20_000; step++) {
    const hash = Math.floor(random.next() * 80) * 0x1000_0001 >>> 0;
    const known = twin.get(hash);
    assertEquals(rates.find(hash), known?.row ?? -1, `seed ${seed}, step ${step}`);
    if (random.next() < 0.5 && users < 50) {
      const row = rates.hold(hash, 0, 0);
      if (known !== undefined) assertEquals(row, known.row, `seed ${seed}, step ${step}`);
      twin.set(hash, { row, users: (known?.users ?? 0) + 1 });
      users++;
    } else if (known !== undefined) {
      rates.release(known.row);
      users--;
      if (known.users === 1) twin.delete(hash);
      else twin.set(hash, { row: known.row, users: known.users - 1 });
    }
  }
  assertEquals(new Set([...twin.values()].map(({ row }) => row)).size, twin.size);
});

Deno.test("SymbolRates.hold() lets symbols share rows when there are no more, until one is free", () => {
  const rates = new SymbolRates(2, 4);
  const rows = [rates.hold(1, 0, 0), rates.hold(2, 0, 0)];
  const shared = rates.hold(3, 0, 0);
  assert(rows.includes(shared));
  assertEquals(rates.hold(3, 0, 0), shared);
  // The row has two more keys than its own, and is free when all three have ended.
  rates.release(shared);
  rates.release(shared);
  rates.accessed(shared, 1_000);
  assertEquals(rates.countOf(shared), 1);
  rates.release(shared);
  assertEquals(rates.hold(9, 0, 0), shared);
  assertEquals(rates.countOf(shared), 0);
});

Deno.test("SymbolRates.read(): shares stay when ten times as much comes", () => {
  const seed = seedOf("rates_test");
  const random = seededRandom(seed);
  const rates = new SymbolRates(4);
  const rows = [1, 2, 3, 4].map((hash) => rates.hold(hash, 0, 0));
  const truth = [0.4, 0.3, 0.2, 0.1];
  let nowMs = START_MS;
  for (let access = 0; access < 20_000; access++) {
    nowMs += access < 10_000 ? 1_000 : 100;
    rates.advance(nowMs);
    let draw = random.next(), at = 0;
    while (at < 3 && (draw -= truth[at] as number) > 0) at++;
    rates.accessed(rows[at] as number, nowMs);
  }
  rows.forEach((row, at) => {
    assertAlmostEquals(shareOf(partsOf(rates, row, nowMs)), truth[at] as number, 0.03, `${seed}`);
  });
});

Deno.test("SymbolRates.read() follows a trend within minutes, and its sector", () => {
  const rates = new SymbolRates(40);
  const rows = Array.from({ length: 40 }, (_, at) => rates.hold(at + 1, 0, 1 + (at >> 3)));
  let nowMs = START_MS;
  for (let access = 0; access < 40_000; access++) {
    nowMs += 1_000;
    rates.advance(nowMs);
    rates.accessed(rows[access % 40] as number, nowMs);
  }
  const before = shareOf(partsOf(rates, rows[0] as number, nowMs));
  assertAlmostEquals(before, 1 / 40, 0.005);
  // Row 0 gets a third of all; row 1 is of its sector, row 39 is not.
  for (let access = 0; access < 600; access++) {
    nowMs += 1_000;
    rates.advance(nowMs);
    rates.accessed(rows[access % 3 === 0 ? 0 : access % 40] as number, nowMs);
  }
  const after = shareOf(partsOf(rates, rows[0] as number, nowMs));
  assertEquals(after > 0.2 && after < 0.4, true, String(after));
  const [near, far] = [1, 39].map((at) => partsOf(rates, rows[at] as number, nowMs).sector);
  assertEquals((near as number) > 0.2 && (far as number) < 0, true, `${near} ${far}`);
});

Deno.test("SymbolRates.read() keeps a symbol with few accesses near what is usual", () => {
  const rates = new SymbolRates(100);
  const rows = Array.from({ length: 100 }, (_, at) => rates.hold(at + 1, 0, 0));
  let nowMs = START_MS;
  for (let access = 0; access < 5_000; access++) {
    nowMs += 1_000;
    rates.advance(nowMs);
    rates.accessed(rows[access % 100] as number, nowMs);
  }
  // One access half a minute after the last: once is no trend.
  nowMs += MINUTE_MS / 2;
  rates.advance(nowMs);
  rates.accessed(rows[99] as number, nowMs);
  const share = shareOf(partsOf(rates, rows[99] as number, nowMs));
  assertEquals(share > 0.009 && share < 0.016, true, String(share));
});
