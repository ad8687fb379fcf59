/**
 * How EODHD calls instruments: `CODE.EXCHANGE`, as AAPL.US, EURUSD.FOREX, BTC-USD.CC, GSPC.INDX.
 *
 * @module
 */

import { assetClassOf } from "../market/instrument.ts";

/** A symbol of EODHD in its halves. */
export interface EodhdSymbol {
  /** What stands before the dot. */
  readonly code: string;
  /** What stands after it. */
  readonly exchange: string;
}

/** How symbols are translated. */
export interface EodhdSymbolOptions {
  /** Exchange of equities that name none; `US` stands for all of the United States. */
  readonly exchange: string;
  /** Symbols that are called otherwise, as `{"DAX": "GDAXI.INDX"}`. */
  readonly symbols: Readonly<Record<string, string>>;
}

/** An exchange at the end of a symbol: two letters or more, since one letter is a share class. */
const EXCHANGE = /^(.+)\.([A-Z]{2,8})$/;

/**
 * A symbol as EODHD calls it: by the list, else by its own exchange, else by its asset class. A
 * share class is written with a hyphen there: BRK.B is BRK-B.US. O(1).
 */
export function eodhdSymbol(symbol: string, options: EodhdSymbolOptions): EodhdSymbol {
  const listed = Object.hasOwn(options.symbols, symbol) ? options.symbols[symbol] : undefined;
  if (listed !== undefined) {
    const dot = listed.lastIndexOf(".");
    return dot > 0
      ? { code: listed.slice(0, dot), exchange: listed.slice(dot + 1) }
      : { code: listed, exchange: options.exchange };
  }
  const [, code, exchange] = EXCHANGE.exec(symbol) ?? [];
  if (code !== undefined && exchange !== undefined) return { code, exchange };
  switch (assetClassOf(symbol)) {
    case "index":
      return { code: symbol.slice(1), exchange: "INDX" };
    case "crypto":
      return { code: hyphened(symbol), exchange: "CC" };
    case "fx":
    case "commodity":
      return { code: symbol.replace(/[_-]/, ""), exchange: "FOREX" };
    default:
      return { code: symbol.replaceAll(".", "-"), exchange: options.exchange };
  }
}

/** A pair of a coin with a hyphen; written in one, the quote is its last three or four letters. */
function hyphened(symbol: string): string {
  if (/[_-]/.test(symbol)) return symbol.replace("_", "-");
  const quote = /(USDT|USDC|BUSD)$/.test(symbol) ? 4 : 3;
  return `${symbol.slice(0, -quote)}-${symbol.slice(-quote)}`;
}
