/**
 * The table under "What may import what" of the architecture, as data and one question:
 * {@linkcode refusal}. It knows paths and names only; `import_direction.ts` finds the imports.
 *
 * @module
 */
import { posix } from "node:path";

/** The pure folders of `src`, each with the pure folders below it. */
export const PURE: Readonly<Record<string, readonly string[]>> = {
  market: [],
  label: ["market"],
  cache: ["market"],
  batch: ["market"],
  monitor: ["market"],
  warm: ["market", "label", "cache", "batch", "monitor"],
  refresh: ["market", "label", "cache", "batch", "monitor"],
};

/** Every actor's messages, in a file for each group of actors. */
const PROTOCOLS = [
  "actors/protocols.ts",
  "actors/protocols_batch.ts",
  "actors/protocols_cache.ts",
  "actors/protocols_label.ts",
  "actors/protocols_nodes.ts",
  "actors/protocols_refresh.ts",
  "actors/protocols_warm.ts",
];

// Ports and plain data structures without time, chance or I/O of their own.
const OPEN_TO_ALL = [
  "src/actor/clock.ts",
  "src/monitor/histogram.ts",
  "src/std/assert.ts",
  "src/std/suggest.ts",
];

// What a package is for decides where it lives; a path that ends in "/" means the whole folder.
const HOMES: Readonly<Record<string, readonly string[]>> = {
  "zod": [
    "actors/protocols.ts",
    "actors/protocols_batch.ts",
    "actors/protocols_cache.ts",
    "actors/protocols_label.ts",
    "actors/protocols_nodes.ts",
    "actors/protocols_refresh.ts",
    "actors/protocols_warm.ts",
    "src/actor/",
    "src/http/",
    "src/cli/",
    "src/provider/",
    "src/feed/",
    "src/store/",
  ],
  "ioredis": ["src/store/", "src/feed/"],
  "@google-cloud/firestore": ["src/feed/"],
  "hono": ["src/http/"],
  "@hono/node-server": ["src/http/"],
  "@hono/zod-openapi": ["src/http/"],
  "prom-client": ["src/http/"],
  "uplot": ["src/http/"],
  "cockatiel": ["src/provider/"],
  "@opentelemetry/api": ["src/cli/"],
  "hyparquet-writer": ["src/cli/"],
  "@uwdata/flechette": ["src/cli/"],
  "croner": ["actors/"],
  "nact": ["bench/"],
  "xstate": ["bench/"],
  "piscina": ["bench/"],
  "tinypool": ["bench/"],
  "bottleneck": ["bench/"],
  "p-queue": ["bench/"],
  "lru-cache": ["bench/"],
  "fast-check": ["tests/"],
  "hyparquet": ["tests/"],
  "parquet-wasm": ["tests/"],
};

// The names that deno.json maps to files of the project.
const MAPPED: Readonly<Record<string, string>> = {
  "@std/assert": "src/std/assert.ts",
  "@std/async": "src/std/async.ts",
};

const DEV = ["tests/", "bench/", "scripts/"];

/**
 * The path of a file below the project's root (`src/cache/policy.ts`), or undefined for a file
 * outside of it. A relative name counts as below the root.
 *
 * @param root Absolute path of the root, with a slash at its end.
 */
export function projectPath(fileName: string, root: string): string | undefined {
  const path = fileName.replaceAll("\\", "/");
  if (path.startsWith(root)) return path.slice(root.length);
  return posix.isAbsolute(path) || /^[A-Za-z]:/.test(path) ? undefined : posix.normalize(path);
}

/** The pure folder of `src` in which a file lies, or undefined. */
export function pureFolder(path: string): string | undefined {
  const folder = /^src\/([^/]+)\//.exec(path)?.[1];
  return folder !== undefined && Object.hasOwn(PURE, folder) ? folder : undefined;
}

/**
 * Why the file `from` may not import `specifier`, or undefined when it may.
 *
 * @param from Path below the project's root.
 * @param specifier As written in the import: relative, bare, `npm:` or `node:`.
 */
export function refusal(from: string, specifier: string): string | undefined {
  if (specifier.startsWith("node:")) return undefined;
  const to = importedFile(from, specifier);
  return to === undefined ? refusePackage(from, packageName(specifier)) : refuseFile(from, to);
}

/**
 * The path below the project's root that the file `from` means by `specifier`, or undefined when
 * it is no file of the project. A path outside of the root begins with `..`.
 */
export function importedFile(from: string, specifier: string): string | undefined {
  if (/^\.{1,2}\//.test(specifier)) return posix.join(posix.dirname(from), specifier);
  return Object.hasOwn(MAPPED, specifier) ? MAPPED[specifier] : undefined;
}

function packageName(specifier: string): string {
  const bare = specifier.replace(/^npm:\/?/, "");
  return /^(@[^/]+\/[^/@]+|[^/@]+)/.exec(bare)?.[0] ?? bare;
}

function refusePackage(from: string, name: string): string | undefined {
  const isDev = within(from, DEV);
  if (!isDev && !within(from, ["src/", "actors/", "mod.ts"])) return undefined;
  const homes = Object.hasOwn(HOMES, name) ? HOMES[name] : undefined;
  if (homes === undefined) {
    return isDev ? undefined : `${name} has no home yet: give it one in scripts/lint/layers.ts`;
  }
  // Tests, benches and scripts import anything, but a tool of one of them stays with that one.
  if (within(from, homes) || (isDev && !homes.every((home) => DEV.includes(home)))) {
    return undefined;
  }
  return `${name} stays at home in ${homes.join(", ")}`;
}

function refuseFile(from: string, to: string): string | undefined {
  const layer = LAYERS.find(({ files }) => within(from, files));
  if (layer === undefined) return undefined;
  if (to.startsWith("..")) {
    return within(from, DEV) ? undefined : "nothing that ships reaches outside the project";
  }
  if (within(to, DEV) && !within(from, DEV)) return "nothing imports tests, bench or scripts";
  return layer.refuse(to, from);
}

interface Layer {
  readonly files: readonly string[];
  readonly refuse: (to: string, from: string) => string | undefined;
}

// The first layer that holds the importing file decides.
const LAYERS: readonly Layer[] = [
  { files: DEV, refuse: () => undefined },
  { files: ["mod.ts"], refuse: () => undefined },
  {
    files: PROTOCOLS,
    refuse: (to, from) =>
      within(to, [...PROTOCOLS, "src/"])
        ? undefined
        : `${from} imports only the other protocols and src`,
  },
  {
    files: [
      ...[
        "actors/tree.ts",
        "actors/tree_cache.ts",
        "actors/tree_nodes.ts",
        "actors/tree_rehearsal.ts",
        "actors/tree_alerts.ts",
      ],
      ...["actors/tree_tuning.ts", "actors/threads/"],
    ],
    refuse: (to, from) =>
      within(to, ["actors/", "src/"]) ? undefined : `${from} imports only actors and src`,
  },
  {
    files: ["actors/"],
    refuse: (to) =>
      within(to, [...PROTOCOLS, "src/"])
        ? undefined
        : "an actor imports only actors/protocols.ts and src: it gets other actors as refs",
  },
  { files: Object.keys(PURE).map((folder) => `src/${folder}/`), refuse: refuseForPure },
  {
    files: ["src/"],
    refuse: (to) => {
      if (within(to, ["actors/"])) return "src knows no actor: mod.ts hands in what it needs";
      return to === "mod.ts" ? "src does not import the library's face" : undefined;
    },
  },
];

function refuseForPure(to: string, from: string): string | undefined {
  const folder = pureFolder(from) ?? "";
  const below = PURE[folder] ?? [];
  const allowed = [folder, ...below].map((name) => `src/${name}/`);
  if (within(to, allowed) || within(to, OPEN_TO_ALL)) return undefined;
  const others = ["itself", ...below.map((name) => `src/${name}`)].join(", ");
  return `src/${folder} is pure: it imports only ${others}, and ${OPEN_TO_ALL.join(", ")}`;
}

function within(path: string, places: readonly string[]): boolean {
  return places.some((place) => place.endsWith("/") ? path.startsWith(place) : path === place);
}
