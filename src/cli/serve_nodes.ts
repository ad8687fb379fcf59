/**
 * From the configuration to this process as one node of several.
 *
 * @module
 */

import { parsePin, type PartitionPin } from "../store/nodes/assignment.ts";
import type { WickConfig } from "./config_schema.ts";

/** A node of a configuration, as the tree takes it. */
export interface ServedNode {
  readonly node: string;
  readonly session: string;
  readonly region: string;
  readonly url: string | null;
  readonly leaseMs: number;
  readonly pins: readonly PartitionPin[];
  readonly way: { readonly kind: "redis"; readonly redis: string; readonly prefix: string };
}

/** Names of hosts and sessions, as the process finds them. */
export interface NodeMakings {
  /** What this machine is called. */
  hostname(): string;
  /** A text that nobody else has. */
  uuid(): string;
}

/** Characters of a host's name that a node's name may have. */
const NOT_IN_NAMES = /[^\w.:-]/g;
/** The port and its colon have room within the 64 that a name may have. */
const HOST_CHARS_MAX = 58;

/** The node of a configuration; null when this process is alone. */
export function nodeOf(config: WickConfig, { hostname, uuid }: NodeMakings): ServedNode | null {
  const { redisUrl, redisNodes, redisPrefix, port } = config;
  if (redisUrl === null || !redisNodes) return null;
  const session = uuid();
  // A port that is chosen when it listens names nobody.
  const place = port === 0 ? session.slice(0, 8) : String(port);
  const host = hostname().replace(NOT_IN_NAMES, "-").slice(0, HOST_CHARS_MAX - 3) || "node";
  return {
    node: config.nodeName ?? `${host}:${place}`,
    session,
    region: config.nodeRegion,
    url: config.nodeUrl,
    leaseMs: config.nodeLeaseMs,
    pins: config.nodePins.map(parsePin),
    way: { kind: "redis", redis: redisUrl, prefix: redisPrefix },
  };
}
