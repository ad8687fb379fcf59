/**
 * `deno task fuzz:http --count N --seed S`: bodies from the grammar of the OpenAPI document, half of
 * them damaged, over real sockets. No answer may be a 5xx or fail to come, valid bodies must be
 * taken, and in the end the store must equal a model's. Exits with 1 otherwise.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { fuzz } from "./fuzz/run.ts";
import { memoryTarget } from "./fuzz/target.ts";

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "100000" },
    seed: { type: "string", default: String(crypto.getRandomValues(new Uint32Array(1))[0]) },
  },
});
const seed = Number(values.seed);
console.log(`seed ${seed}`);
await using target = await memoryTarget();
const startMs = performance.now();
const report = await fuzz(target, Number(values.count), seed);
const seconds = (performance.now() - startMs) / 1_000;
const share = 100 * report.valid / report.requests;
const statuses = [...report.statuses].sort(([a], [b]) => a - b);
console.log(`${report.requests} requests in ${seconds.toFixed(1)} s, ${share.toFixed(0)} % valid`);
console.log(statuses.map(([status, count]) => `  ${status}  ${count}`).join("\n"));
console.log(`slowest ${report.slowestMs.toFixed(0)} ms, ${report.candles} candles as in the model`);
for (const failure of report.failures) console.error(failure);
const isWell = report.failures.length === 0 && share >= 30;
console.log(isWell ? "ok" : "FAILED");
Deno.exitCode = isWell ? 0 : 1;
