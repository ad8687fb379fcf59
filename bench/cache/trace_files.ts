/**
 * The cache traces of `../shared/data/traces`: real requests, in their order.
 *
 * @module
 */

import { gunzipSync } from "node:zlib";

const FOLDER = new URL("../../../shared/data/traces/", import.meta.url);
const ENDING = ".txt.gz";

/** Requests as whole numbers, in the order in which their keys first appear. */
export interface Trace {
  readonly name: string;
  /** Index into `keys`, one for each request. */
  readonly ids: Uint32Array;
  /** As a shard gets them: `block:4711`. */
  readonly keys: readonly string[];
}

/** Names of the traces, sorted; none when the folder is not there. */
export function traceNames(): readonly string[] {
  try {
    return [...Deno.readDirSync(FOLDER)]
      .filter(({ name }) => name.endsWith(ENDING))
      .map(({ name }) => name.slice(0, -ENDING.length))
      .sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** Reads a trace of {@linkcode traceNames}; a million requests take about 0.3 s. */
export function readTrace(name: string): Trace {
  const packed = Deno.readFileSync(new URL(name + ENDING, FOLDER));
  const lines = new TextDecoder().decode(gunzipSync(packed)).trimEnd().split("\n");
  const known = new Map<string, number>();
  const keys: string[] = [];
  const ids = Uint32Array.from(lines, (line) => {
    let id = known.get(line);
    if (id === undefined) {
      id = keys.length;
      known.set(line, id);
      keys.push(`block:${line}`);
    }
    return id;
  });
  return { name, ids, keys };
}
