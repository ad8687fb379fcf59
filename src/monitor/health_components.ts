/**
 * How the components of the service are, from the parts that were looked at: many actors make up a
 * component, and of some it has several that stand in for each other.
 *
 * @module
 */

import type { PartHealth, PartState } from "./finding.ts";

/** What people think of when they ask what is broken. */
export type ComponentName = "store" | "feeds" | "pool" | "cache" | "redis" | "providers" | "disk";

/** How one component is. */
export interface ComponentHealth {
  /** Which one. */
  readonly name: ComponentName;
  /** `absent`: this service has none. `unknown`: it has one that nobody has looked at. */
  readonly state: PartState | "absent" | "unknown";
  /** Parts that are not ok, the worst first; at most {@linkcode COMPONENT_PARTS_MAX}. */
  readonly parts: readonly string[];
  /** For people; empty while it is ok. */
  readonly reason: string;
}

/** Parts named as the reason of a component's state. */
export const COMPONENT_PARTS_MAX = 5;

/** Which parts a component is made of. */
export interface ComponentSpec {
  /** Which one. */
  readonly name: ComponentName;
  /** Paths without which it is down. */
  readonly cores: readonly string[];
  /** Paths below which members stand in for each other: it is down when all of them are. */
  readonly members: readonly string[];
  /** Every service has one. */
  readonly isNeeded?: true;
}

/** Components made of actors, by their paths below the root. */
export const COMPONENT_SPECS: readonly ComponentSpec[] = [
  { name: "store", cores: ["core/store"], members: [], isNeeded: true },
  { name: "feeds", cores: [], members: ["core/work/ingest/feeds"] },
  {
    name: "pool",
    cores: ["core/work/ingest/label_pool"],
    members: ["core/work/ingest/workers"],
    isNeeded: true,
  },
  { name: "cache", cores: ["core/cache"], members: ["core/cache"] },
  { name: "providers", cores: [], members: ["core/providers"] },
];

const STORE = "core/store";
const CACHE = "core/cache";
const RANK: Readonly<Record<PartState, number>> = { ok: 0, degraded: 1, down: 2 };

/**
 * Components of the parts, in the order of the list. When the whole core is down, so are
 * those made of actors. O(parts · components).
 */
export function componentsOf(
  parts: readonly PartHealth[],
  specs: readonly ComponentSpec[] = COMPONENT_SPECS,
): ComponentHealth[] {
  const made = specs.map((spec) => componentOf(parts, spec));
  const at = made.findIndex(({ name }) => name === "providers");
  const all = [...made.slice(0, at), redisOf(parts), ...made.slice(at), diskOf(parts)];
  return all;
}

function componentOf(parts: readonly PartHealth[], spec: ComponentSpec): ComponentHealth {
  const cores = parts.filter(({ name }) => spec.cores.includes(name));
  const members = parts.filter(({ name }) =>
    spec.members.some((path) => name.startsWith(`${path}/`))
  );
  const of = [...cores, ...members];
  const above = [...spec.cores, ...spec.members];
  // A supervisor is a part only while it does not run; then it takes all below it along.
  const gone = parts.filter(({ name, state }) =>
    state === "down" && !of.some((part) => part.name === name) &&
    above.some((path) => path === name || path.startsWith(`${name}/`))
  );
  const isDown = gone.length > 0 || cores.some(({ state }) => state === "down") ||
    (members.length > 0 && members.every(({ state }) => state === "down"));
  const bad = [...gone, ...of.filter(({ state }) => state !== "ok")]
    .sort((a, b) => RANK[b.state] - RANK[a.state]);
  const state = of.length + gone.length === 0
    ? spec.isNeeded === true ? "unknown" : "absent"
    : isDown
    ? "down"
    : bad.length > 0
    ? "degraded"
    : "ok";
  return named(spec.name, state, bad, of.length + gone.length);
}

function named(
  name: ComponentName,
  state: ComponentHealth["state"],
  bad: readonly PartHealth[],
  count: number,
): ComponentHealth {
  const shown = bad.slice(0, COMPONENT_PARTS_MAX).map(({ name }) => name);
  const [worst] = bad;
  const error = worst?.detail["lastError"] ?? worst?.detail["error"];
  const why = typeof error === "string" ? `: ${error}` : "";
  const reason = worst === undefined ? "" : `${worst.name} is ${worst.state}${why}` +
    (bad.length > 1 ? `, ${bad.length} of ${count} parts are not ok` : "");
  return { name, state, parts: shown, reason };
}

/** Redis is known by the cache's tier in it, and by parts whose last step names it. */
function redisOf(parts: readonly PartHealth[]): ComponentHealth {
  const tier = parts.find(({ name }) => name === CACHE)?.detail["tier"];
  const own = parts.filter(({ name }) => /(^|\/)redis[^/]*$/.test(name));
  const bad = own.filter(({ state }) => state !== "ok");
  const hasTier = typeof tier === "string" && tier.startsWith("redis ");
  const isTierDown = hasTier && tier.endsWith(" down");
  if (!hasTier && own.length === 0) {
    return { name: "redis", state: "absent", parts: [], reason: "" };
  }
  if (!isTierDown) {
    const allDown = own.length > 0 && own.every(({ state }) => state === "down");
    const state = bad.length === 0 ? "ok" : allDown ? "down" : "degraded";
    return named("redis", state, bad, own.length);
  }
  return { name: "redis", state: "down", parts: [CACHE], reason: `the cache's tier is ${tier}` };
}

/** The disk is known by what keeps the store from writing. */
function diskOf(parts: readonly PartHealth[]): ComponentHealth {
  const store = parts.find(({ name }) => name === STORE);
  const says = store?.detail["store"];
  if (typeof says !== "string") return { name: "disk", state: "absent", parts: [], reason: "" };
  if (says !== "full" && says !== "read_only") {
    return { name: "disk", state: "ok", parts: [], reason: "" };
  }
  const reason = says === "full" ? "the disk is full" : "the disk cannot be written to";
  return { name: "disk", state: "down", parts: [STORE], reason };
}
