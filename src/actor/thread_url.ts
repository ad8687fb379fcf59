/**
 * Where the entry module of a thread lies: in the source tree as it is, and beside the bundle, as
 * JavaScript of the same name, once the program was bundled.
 *
 * @module
 */

/**
 * The entry to start. In a bundle every module has the bundle's address, which is how it is told.
 *
 * @example
 * ```ts
 * import { threadEntry } from "./thread_url.ts";
 * const entry = threadEntry(new URL("./threads/label_worker.ts", import.meta.url));
 * ```
 */
export function threadEntry(source: URL): URL {
  if (import.meta.url.endsWith(".ts")) return source;
  const name = source.pathname.replace(/^.*\//, "").replace(/\.ts$/, ".js");
  return new URL(`./${name}`, import.meta.url);
}
