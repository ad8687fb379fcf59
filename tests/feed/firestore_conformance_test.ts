import { systemClock } from "../../src/actor/clock.ts";
import { firestoreSource } from "../../src/feed/firestore_source.ts";
import { serviceOrSkip } from "../support/services.ts";
import { testFeed } from "./conformance.ts";
import { candleDocument, Emulator, PROJECT } from "./firestore_emulator.ts";

const ROWS_MAX = 64;

// A case cannot be left out one by one: without Node nothing is registered, after a notice.
if (!serviceOrSkip("node").ignore) await testEmulated();

async function testEmulated(): Promise<void> {
  // It lives as long as the file's tests, of which each looks for leaks of its own.
  const emulator = await Emulator.start();
  addEventListener("unload", () => emulator.kill());
  await fill(emulator);
  for (const pageDocuments of [40, 200]) {
    testFeed({
      name: `firestoreSource() in pages of ${pageDocuments}`,
      create: () =>
        firestoreSource(systemClock, {
          projectId: PROJECT,
          emulatorHost: emulator.host,
          collection: "candles",
          follow: false,
          rowsMax: ROWS_MAX,
          pageDocuments,
        }),
      rowsMax: ROWS_MAX,
    });
  }
}

/**
 * 420 documents of three series in commits of 30: some no candles, not complete, or of others. The
 * first half is an hour old: whoever goes on after it need not read it again.
 */
async function fill(emulator: Emulator): Promise<void> {
  await using writer = emulator.writer();
  await emulator.shift(-3_600_000);
  for (let from = 0; from < 420; from += 30) {
    if (from === 210) await emulator.shift(3_600_000);
    await writer.put(Object.fromEntries(Array.from({ length: 30 }, (_, k) => {
      const i = from + k;
      const series = ["EUR_USD:H1", "USD_JPY:H4", "GBP_USD:H1"][i % 3] as string;
      const more = i % 37 === 0 ? { high: 0.1 } : i % 41 === 0 ? { complete: false } : {};
      const other = i % 43 === 0 ? { instrument: "XAU_USD" } : {};
      return [`candles/c${i}`, candleDocument(series, i, { ...more, ...other })];
    })));
  }
}
