/**
 * A process that commits until it is killed: `killed_writer.ts PATH SEED`. It says each commit's seq
 * once it is durable. What it commits follows from the seed alone, so that whoever kills it can make
 * the same commits on a slow twin.
 */

import { SqliteStore } from "../../src/store/sqlite_store.ts";
import { Chance } from "../label/support.ts";
import { Operator } from "./conformance.ts";
import { SlowStore, TINY_BOUNDS } from "./support.ts";

const [path = "", seed = "0"] = Deno.args;
const store = new SqliteStore({ path, bounds: TINY_BOUNDS });
const twin = new SlowStore();
const operator = new Operator(new Chance(Number(seed)), twin);
const lines = new TextEncoder();

// What was committed by those that were killed before.
while (twin.seq < store.seq) twin.commit(operator.group());
for (;;) {
  const group = operator.group();
  const result = store.commit(group);
  twin.commit(group);
  if (result.state === "committed") Deno.stdout.writeSync(lines.encode(`${result.seq}\n`));
}
