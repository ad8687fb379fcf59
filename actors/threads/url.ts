/** Where the entry of a thread lies: beside this module, as source or bundled. */
export function threadUrl(name: string): URL {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return new URL(`./${name}.${extension}`, import.meta.url);
}
