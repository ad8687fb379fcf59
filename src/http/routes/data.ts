/**
 * Routes about market data: candles, series, instruments, levels.
 *
 * @module
 */

import type { z } from "zod";
import type { Level } from "../../label/levels.ts";
import { CANDLE_COLUMNS, type CandleBlock, type CandleColumn } from "../../market/block.ts";
import type { Instrument } from "../../market/instrument.ts";
import type { Handlers, Surroundings } from "../handler.ts";
import { objectWriter, type PageFormat, pageResponse, rowPieces } from "../page_body.ts";
import { goneProblem, HttpProblem } from "../problem.ts";
import { Push } from "../push.ts";
import { pushBytes } from "../push_body.ts";
import type { instrument, level } from "../schemas.ts";
import { rangeOf } from "./range.ts";

type Paths =
  | "/api/candles"
  | "/api/series"
  | "/api/instruments"
  | "/api/instruments/:symbol"
  | "/api/levels";

/** See the module's text. */
export function dataRoutes(around: Surroundings): Pick<Handlers, Paths> {
  const { data } = around.port;
  return {
    "/api/candles": candleRoutes(around),
    "/api/series": {
      get: async () => {
        const [seq, series] = await Promise.all([data.seq(), data.series()]);
        return {
          seq,
          series: series.map(({ series, count, lastTs }) => ({ series, count, lastTs })),
        };
      },
    },
    "/api/instruments": {
      get: async () => ({ instruments: (await data.instruments()).map(plainInstrument) }),
    },
    "/api/instruments/:symbol": {
      get: async ({ param }) => plainInstrument(await data.instrument(param.symbol)),
      put: async ({ param, json }) => {
        const given = Object.fromEntries(
          Object.entries(json).filter(([, value]) => value !== undefined),
        );
        return plainInstrument(await data.putInstrument({ symbol: param.symbol, ...given }));
      },
    },
    "/api/levels": {
      get: async ({ query: { symbol } }) => {
        const levels = await data.levels(symbol);
        return { symbol, levels: levels.map(spelled) };
      },
      put: async ({ query: { symbol }, json }) => {
        const backwards = json.findIndex(({ from_ts, to_ts }) => to_ts < from_ts);
        if (backwards >= 0) {
          throw new HttpProblem(422, "shape", `Cannot use level ${backwards}: it ends too early`, {
            issues: [{ path: `json.${backwards}.to_ts`, message: "expected at or after from_ts" }],
          });
        }
        await data.putLevels(
          symbol,
          json.map(({ kind, price, from_ts, to_ts }) => ({
            kind,
            price,
            fromTs: from_ts,
            toTs: to_ts,
          })),
        );
        return { symbol, levels: json };
      },
    },
  };
}

function candleRoutes({ port, limits, clock }: Surroundings): Handlers["/api/candles"] {
  const { data } = port;
  return {
    get: async ({ query }, call) => {
      const found = await data.candles(rangeOf(query, 1));
      if (found.state === "gone") throw goneProblem(found.oldestSeq);
      const { block, seq } = found;
      const length = Math.min(block.length, query.limit);
      const next = block.length > length ? String(block.ts[length]) : null;
      const about = { series: query.series, seq };
      const writer = objectWriter(blankCandle, (row, i) => fillCandle(row, block, i));
      const pieces = (format: PageFormat) => rowPieces(length, writer(format));
      return await pageResponse({ pieces, next, about }, call);
    },
    post: async ({ query: { series, priority, bulk } }, { request, bindings }) => {
      const push = new Push(data, {
        series: series ?? null,
        priority,
        bulk,
        batchRows: limits.pushBatchRows,
        clock,
      });
      try {
        for await (const bytes of pushBytes(request, bindings, limits, clock)) {
          await push.push(bytes);
        }
        return await push.finish();
      } catch (error) {
        await push.letFinish();
        throw push.problemOf(error);
      }
    },
  };
}

type CandleCells = { -readonly [C in CandleColumn]: number };

function blankCandle(): CandleCells {
  return { ts: 0.5, open: 0.5, high: 0.5, low: 0.5, close: 0.5, volume: 0.5 };
}

function fillCandle(row: CandleCells, block: CandleBlock, i: number): void {
  for (const name of CANDLE_COLUMNS) row[name] = block[name][i] as number;
}

function spelled({ kind, price, fromTs, toTs }: Level): z.output<typeof level> {
  return { kind, price, from_ts: fromTs, to_ts: toTs };
}

/** Only what the schema has: instruments may come to know more. */
function plainInstrument(one: Instrument): z.output<typeof instrument> {
  const { symbol, assetClass, calendar, sector, granularities, barOffsetMs, priceDigits } = one;
  return {
    symbol,
    assetClass,
    calendar,
    sector,
    granularities: [...granularities],
    barOffsetMs,
    priceDigits,
    source: one.source,
  };
}
