/**
 * What the tests of this folder share: seeded chance, shared data, slow twins.
 *
 * @module
 */

import type { CandleBlock } from "../../src/market/block.ts";
import type { CandleReader } from "../../src/market/reader.ts";

/** The data folder of the project, absent on a user's machine. */
const SHARED = new URL("../../../shared/", import.meta.url);

/** Seed of this run: WICK_SEED, or the clock; printed by the first test that asks. */
const SEED = Number(Deno.env.get("WICK_SEED") ?? Date.now() % 1e9);
let isSeedPrinted = false;

/** A seeded generator in [0, 1): mulberry32. */
export function seededRandom(name: string): () => number {
  if (!isSeedPrinted) console.log(`seed: WICK_SEED=${SEED}`);
  isSeedPrinted = true;
  let state = SEED;
  for (const char of name) state = Math.imul(state ^ (char.codePointAt(0) as number), 0x9e3779b1);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Path of a shared file or folder, or null with a notice when it is not there. */
export function sharedPath(path: string): string | null {
  const url = new URL(path, SHARED);
  try {
    Deno.statSync(url);
    return decodeURIComponent(url.pathname);
  } catch {
    console.log(`skipped: ${path} is not there (../shared is absent)`);
    return null;
  }
}

/** The plain bytes of a gzip file. */
export async function gunzipped(path: string): Promise<Uint8Array> {
  const packed = new Blob([await Deno.readFile(path)]).stream();
  const plain = packed.pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(plain).arrayBuffer());
}

/** UTF-8 of a text. */
export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Feeds bytes in random pieces of 0 to `pieceBytesMax` bytes and finishes. */
export function feedInPieces(
  reader: CandleReader,
  bytes: Uint8Array,
  random: () => number,
  pieceBytesMax: number,
): void {
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(bytes.length, at + Math.floor(random() * (pieceBytesMax + 1)));
    // A copy, overwritten after use: a reader must not keep what it was lent.
    const piece = bytes.slice(at, end);
    reader.push(piece);
    piece.fill(0x58);
    at = end;
  }
  reader.finish();
}

/** Rows of a block as plain arrays of six numbers. */
export function rowsOf(block: CandleBlock | undefined): number[][] {
  if (block === undefined) return [];
  return Array.from(block.ts, (ts, i) => [
    ts,
    block.open[i] as number,
    block.high[i] as number,
    block.low[i] as number,
    block.close[i] as number,
    block.volume[i] as number,
  ]);
}
