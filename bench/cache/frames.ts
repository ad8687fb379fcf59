/**
 * From which size on a value of the second tier is worth compressing; prints a table and has no must.
 * Run alone: `deno run -A bench/cache/frames.ts`.
 *
 * @module
 */

import {
  constants,
  deflateRawSync,
  inflateRawSync,
  zstdCompressSync,
  zstdDecompressSync,
} from "node:zlib";
import { seededRandom } from "../../src/actor/clock.ts";
import { encodeValue } from "../../src/cache/value_codec.ts";

const random = seededRandom(1);
const WORDS =
  "shares rose after the company said its revenue beat analysts estimates for the quarter"
    .split(" ");

/** News: JSON with prose in it. */
function news(items: number): Uint8Array {
  return encodeValue(Array.from({ length: items }, (_, i) => ({
    id: `n${Math.floor(random.next() * 1e9)}`,
    atMs: 1_750_000_000_000 + i * 60_000,
    title: Array.from({ length: 12 }, () => WORDS[Math.floor(random.next() * WORDS.length)])
      .join(" "),
    sentiment: Math.round(random.next() * 200 - 100) / 100,
  })));
}

/** Candles: columns of numbers. */
function candles(rows: number): Uint8Array {
  let close = 100;
  const walk = Float64Array.from(
    { length: rows },
    () => close = Math.round((close + random.next() - 0.5) * 100) / 100,
  );
  const ts = Float64Array.from({ length: rows }, (_, i) => 1_750_000_000_000 + i * 3_600_000);
  return encodeValue({ ts, close: walk });
}

/** Microseconds of one call, the median of some rounds. */
function microseconds(run: () => unknown): number {
  const times: number[] = [];
  for (let round = 0; round < 7; round++) {
    const startMs = performance.now();
    let count = 0;
    while (performance.now() - startMs < 8) {
      run();
      count++;
    }
    times.push((performance.now() - startMs) * 1_000 / count);
  }
  return times.sort((a, b) => a - b)[3] as number;
}

const zstd = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };
const METHODS = {
  "zstd 1": {
    shrink: (bytes: Uint8Array) => zstdCompressSync(bytes, zstd),
    grow: (bytes: Uint8Array) => zstdDecompressSync(bytes),
  },
  "deflate 1": {
    shrink: (bytes: Uint8Array) => deflateRawSync(bytes, { level: 1 }),
    grow: (bytes: Uint8Array) => inflateRawSync(bytes),
  },
};

console.log("what          bytes   method      left   shrink µs   grow µs   bytes saved per µs");
for (const [what, make] of Object.entries({ news, candles })) {
  for (const size of [1, 2, 4, 8, 16, 32, 64, 256, 1024]) {
    const bytes = make(size * (what === "news" ? 1 : 8));
    for (const [method, { shrink, grow }] of Object.entries(METHODS)) {
      const small = shrink(bytes);
      const shrinkUs = microseconds(() => shrink(bytes));
      const growUs = microseconds(() => grow(small));
      const saved = (bytes.length - small.length) / (shrinkUs + growUs);
      const left = `${(100 * small.length / bytes.length).toFixed(0)} %`;
      console.log(
        `${what.padEnd(10)} ${String(bytes.length).padStart(8)}   ${method.padEnd(9)} ` +
          `${left.padStart(6)} ${shrinkUs.toFixed(1).padStart(11)} ${
            growUs.toFixed(1).padStart(9)
          } ` +
          `${saved.toFixed(1).padStart(12)}`,
      );
    }
  }
}
