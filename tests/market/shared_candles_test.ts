/**
 * All shared candles against the Python reference's `read_candles`.
 *
 * @module
 */

import { assertEquals, assertGreater, assertStrictEquals } from "@std/assert";
import { canonicalOf } from "../../src/market/canonical.ts";
import { csvReader } from "../../src/market/csv.ts";
import { feedInPieces, gunzipped, seededRandom, sharedPath } from "./support.ts";

/** Prints, per file: name, invalid rows, candles, SHA-256 over the candles as 6 doubles a row. */
const DIGEST = `
import glob, hashlib, os, struct, sys
sys.path.insert(0, sys.argv[1] + "reference")
sys.dont_write_bytecode = True
from label_reference import read_candles
for path in sorted(glob.glob(sys.argv[1] + "data/candles/*.csv.gz")):
    candles, invalid = read_candles(path)
    digest = hashlib.sha256(b"".join(struct.pack("<6d", *c) for c in candles)).hexdigest()
    print(os.path.basename(path), invalid, len(candles), digest)
`;

async function digestOf(path: string): Promise<string> {
  const reader = csvReader({ series: "ANY:D" });
  feedInPieces(reader, await gunzipped(path), seededRandom(path), 30_000);
  const [received] = reader.take();
  if (received === undefined) throw new Error(`no candles in ${path}`);
  const { block } = canonicalOf(received);
  const rows = new Float64Array(block.length * 6);
  const columns = [block.ts, block.open, block.high, block.low, block.close, block.volume];
  columns.forEach((column, c) => column.forEach((value, i) => rows[i * 6 + c] = value));
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", rows.buffer));
  return `${reader.counts().rejected} ${block.length} ${hash.toHex()}`;
}

Deno.test("csvReader() and canonicalOf() read every real file as the reference does", async () => {
  const shared = sharedPath("");
  if (shared === null) return;
  const command = new Deno.Command("python3", { args: ["-c", DIGEST, shared] });
  const { success, stdout, stderr } = await command.output();
  assertStrictEquals(success, true, new TextDecoder().decode(stderr));
  const expected = new TextDecoder().decode(stdout).trim().split("\n");
  assertGreater(expected.length, 70);
  for (const line of expected) {
    const [name = "", ...rest] = line.split(" ");
    assertEquals(await digestOf(`${shared}data/candles/${name}`), rest.join(" "), name);
  }
});
