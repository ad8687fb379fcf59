import { eodhdSymbol } from "../../src/provider/eodhd_symbol.ts";
import { assertEquals } from "@std/assert";

const NAMING = { exchange: "US", symbols: { DAX: "GDAXI.INDX", MYCO: "MYCO-A" } };

Deno.test("eodhdSymbol() names instruments as EODHD documents them", () => {
  const cases = {
    AAPL: "AAPL.US",
    "AAPL.US": "AAPL.US",
    "BMW.XETRA": "BMW.XETRA",
    "BRK.B": "BRK-B.US",
    EUR_USD: "EURUSD.FOREX",
    "GBP-JPY": "GBPJPY.FOREX",
    EURUSD: "EURUSD.FOREX",
    XAU_USD: "XAUUSD.FOREX",
    BTC_USD: "BTC-USD.CC",
    "ETH-USD": "ETH-USD.CC",
    BTCUSD: "BTC-USD.CC",
    DOGEUSDT: "DOGE-USDT.CC",
    "^GSPC": "GSPC.INDX",
    DAX: "GDAXI.INDX",
    MYCO: "MYCO-A.US",
    constructor: "constructor.US",
  };
  for (const [symbol, expected] of Object.entries(cases)) {
    const { code, exchange } = eodhdSymbol(symbol, NAMING);
    assertEquals(`${code}.${exchange}`, expected, symbol);
  }
});
