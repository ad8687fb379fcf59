import { assertEquals } from "@std/assert";
import { type OpenEvent, openEvents } from "../../src/label/open_events.ts";
import {
  DEFAULT_PARAMS,
  historyBars,
  type LabelParams,
  labelParams,
} from "../../src/label/params.ts";
import { Labeler } from "../../src/label/labeler.ts";
import { LabelBuilder } from "../../src/label/rows.ts";
import { LabelStatus } from "../../src/market/block.ts";
import { blockOf, type CandleRow, Chance, SEED, slice, walk } from "./support.ts";

const chance = new Chance(SEED);

/** Open events by R3 to R7 as they stand, looking at every candle of every path. */
function slowOpenEvents(rows: readonly CandleRow[], params: LabelParams): OpenEvent[] {
  let start = 0;
  for (let i = 1; i < rows.length; i++) {
    if ((rows[i]?.[0] as number) - (rows[i - 1]?.[0] as number) > params.maxGapMs) start = i;
  }
  const segment = rows.slice(start);
  const events: OpenEvent[] = [];
  segment.forEach(([ts, , , , close], i) => {
    if (i < 14 || segment.length - 1 - i >= params.horizon) return;
    let sum = 0;
    for (let j = i - 13; j <= i; j++) {
      const [, , high, low] = segment[j] as CandleRow;
      const before = (segment[j - 1] as CandleRow)[4];
      sum += Math.max(high - low, Math.abs(high - before), Math.abs(low - before));
    }
    const atr = sum / 14;
    if (!(atr > 0)) return;
    const up = close + params.up * atr, dn = close - params.down * atr;
    const path = segment.slice(i + 1);
    if (path.some(([, , high, low]) => high >= up || low <= dn)) return;
    const barsLeft = params.horizon - path.length;
    events.push({ ts, close, atr, up, dn, barsElapsed: path.length, barsLeft });
  });
  return events;
}

Deno.test("openEvents() equals a look at every candle of every path, at any end", () => {
  for (const params of [DEFAULT_PARAMS, labelParams({ horizon: 24, up: 3, down: 1.5 })]) {
    const rows = walk(chance, 400, 0.01);
    for (let length = 0; length <= rows.length; length++) {
      const candles = slice(blockOf(rows), Math.max(0, length - historyBars(params)), length);
      const expected = slowOpenEvents(rows.slice(0, length), params);
      assertEquals(openEvents(candles, params), expected, `${length} candles, seed ${SEED}`);
    }
  }
});

Deno.test("openEvents() are the events that the labeler decides later, and no others", () => {
  const params = labelParams({ horizon: 12 });
  const rows = blockOf(walk(chance, 600, 0));
  const labeler = new Labeler(params, { emit: "final" });
  const out = new LabelBuilder();
  labeler.push(rows, 0, rows.length, out);
  const { columns } = out;
  for (let length = 40; length <= rows.length - params.horizon; length += 7) {
    const open = new Map(
      openEvents(slice(rows, length - historyBars(params), length), params)
        .map((event) => [event.ts, event]),
    );
    const lastTs = rows.ts[length - 1] as number;
    const decided = new Set<number>();
    for (let row = 0; row < out.length; row++) {
      const ts = columns.ts[row] as number;
      const index = rows.ts.indexOf(ts);
      const exitTs = rows.ts[index + (columns.bars[row] as number)] as number;
      if (ts > lastTs || exitTs <= lastTs || columns.tbStatus[row] !== LabelStatus.final) continue;
      decided.add(ts);
      const event = open.get(ts);
      const { up, dn, close } = columns;
      assertEquals([event?.up, event?.dn, event?.close], [up[row], dn[row], close[row]]);
    }
    assertEquals([...open.keys()], [...decided].sort((a, b) => a - b), `seed ${SEED}`);
  }
});

Deno.test("openEvents() of a new series, and of one without volatility, are none", () => {
  const flat = Array.from({ length: 40 }, (_, i): CandleRow => [i * 60_000, 1, 1, 1, 1, 0]);
  assertEquals(openEvents(blockOf([]), DEFAULT_PARAMS), []);
  assertEquals(openEvents(blockOf(flat.slice(0, 5)), DEFAULT_PARAMS), []);
  assertEquals(openEvents(blockOf(flat), DEFAULT_PARAMS), []);
});
