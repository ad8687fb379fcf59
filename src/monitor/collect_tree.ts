/**
 * What the supervision tree says about its actors: their mailboxes, rates, service times and
 * restarts, and how each is.
 *
 * @module
 */

import type { Finding, PartHealth, PartState } from "./finding.ts";
import type { MetricSpec } from "./metric_spec.ts";
import type { Sample } from "./samples.ts";

/** A node of the tree, as far as it is looked at; `TreeNode` of the runtime is one. */
export interface ObservedNode {
  /** Absolute path. */
  readonly path: string;
  /** Where it is in its life. */
  readonly state: "down" | "starting" | "running" | "stopping" | "stopped";
  /** Starts so far. */
  readonly incarnation: number;
  /** Restarts within its supervisor's period. */
  readonly restartsInPeriod: number;
  /** What it failed with last. */
  readonly lastError: string | null;
  /** Only supervisors. */
  readonly supervisor: { readonly restarts: number; readonly gaveUp: number } | null;
  /** Only actors. */
  readonly mailbox: {
    readonly depth: number;
    readonly bound: number;
    readonly bytes: number;
    readonly sent: number;
    readonly handled: number;
    readonly deadLettered: number;
    readonly ratePerSecond: number;
    readonly serviceMs: { readonly p50: number; readonly p99: number };
    readonly oldestMs: number;
    readonly expectedWaitMs: number;
  } | null;
  /** Of a supervisor. */
  readonly children: readonly ObservedNode[];
}

const OF_ACTOR = ["actor"] as const;
const OF_SUPERVISOR = ["supervisor"] as const;
const gauge = (name: string, help: string) =>
  ({ name, kind: "gauge", help, labels: OF_ACTOR }) as const;
const counter = (name: string, help: string) =>
  ({ name, kind: "counter", help, labels: OF_ACTOR }) as const;

/** Metrics of the tree. */
export const TREE_METRICS: readonly MetricSpec[] = [
  gauge("wick_actor_up", "1 while an incarnation runs, else 0"),
  counter("wick_actor_starts_total", "Starts, failed ones too; all but the first are restarts"),
  counter("wick_actor_messages_sent_total", "Messages sent to the actor"),
  counter("wick_actor_messages_handled_total", "Messages that a handler took to its end"),
  counter("wick_actor_messages_dead_lettered_total", "Messages that ended in the dead letters"),
  gauge("wick_actor_mailbox_messages", "Messages that wait or are in a handler"),
  gauge("wick_actor_mailbox_bound_messages", "Messages that may wait"),
  gauge("wick_actor_mailbox_bytes", "Accounted size of the waiting messages"),
  gauge("wick_actor_oldest_message_seconds", "Age of the oldest waiting message"),
  gauge("wick_actor_expected_wait_seconds", "Depth times recent service time"),
  gauge("wick_actor_service_p50_seconds", "Median time in a handler since the start"),
  gauge("wick_actor_service_p99_seconds", "99th percentile of the time in a handler"),
  {
    name: "wick_supervisor_restarts_total",
    kind: "counter",
    help: "Restarts of children",
    labels: OF_SUPERVISOR,
  },
  {
    name: "wick_supervisor_gave_up_total",
    kind: "counter",
    help: "Times that restarts exceeded the intensity",
    labels: OF_SUPERVISOR,
  },
];

/** From here on a mailbox counts as nearly full: the critical level of queue utilisation. */
export const MAILBOX_FULL_RATIO = 0.9;

/**
 * Measurements of every actor and supervisor below `root`, and how each is. O(nodes).
 *
 * @param isSpare Whether the actor of that path below the root is stopped because it is not needed:
 * then nothing is wrong with it.
 */
export function treeFinding(
  root: ObservedNode,
  isSpare: (name: string) => boolean = () => false,
): Required<Finding> {
  const samples: Sample[] = [];
  const parts: PartHealth[] = [];
  const visit = (node: ObservedNode) => {
    const name = node === root ? node.path : node.path.slice(root.path.length + 1);
    if (node.mailbox !== null) {
      const isAtRest = node.state !== "running" && isSpare(name);
      samples.push(...actorSamples(name, node, node.mailbox, isAtRest));
      parts.push(partOf(name, node, isAtRest));
    } else {
      samples.push(...supervisorSamples(name, node));
      // Its children say how they are; without them only it can.
      if (node.state !== "running") parts.push(partOf(name, node));
    }
    for (const child of node.children) visit(child);
  };
  visit(root);
  return { samples, parts };
}

function actorSamples(
  actor: string,
  node: ObservedNode,
  mailbox: NonNullable<ObservedNode["mailbox"]>,
  isAtRest: boolean,
): Sample[] {
  const labels = { actor };
  const total = (name: string, value: number) => ({ name, labels, total: value });
  const value = (name: string, value: number) => ({ name, labels, value });
  return [
    // One that is not to run is neither up nor down.
    ...(isAtRest ? [] : [value("wick_actor_up", node.state === "running" ? 1 : 0)]),
    total("wick_actor_starts_total", node.incarnation),
    total("wick_actor_messages_sent_total", mailbox.sent),
    total("wick_actor_messages_handled_total", mailbox.handled),
    total("wick_actor_messages_dead_lettered_total", mailbox.deadLettered),
    value("wick_actor_mailbox_messages", mailbox.depth),
    value("wick_actor_mailbox_bound_messages", mailbox.bound),
    value("wick_actor_mailbox_bytes", mailbox.bytes),
    value("wick_actor_oldest_message_seconds", mailbox.oldestMs / 1_000),
    value("wick_actor_expected_wait_seconds", mailbox.expectedWaitMs / 1_000),
    value("wick_actor_service_p50_seconds", mailbox.serviceMs.p50 / 1_000),
    value("wick_actor_service_p99_seconds", mailbox.serviceMs.p99 / 1_000),
  ];
}

function supervisorSamples(supervisor: string, node: ObservedNode): Sample[] {
  if (node.supervisor === null) return [];
  const labels = { supervisor };
  const { restarts, gaveUp } = node.supervisor;
  return [
    { name: "wick_supervisor_restarts_total", labels, total: restarts },
    { name: "wick_supervisor_gave_up_total", labels, total: gaveUp },
  ];
}

function partOf(name: string, node: ObservedNode, isAtRest = false): PartHealth {
  const { mailbox } = node;
  const isFull = mailbox !== null && mailbox.depth >= MAILBOX_FULL_RATIO * mailbox.bound;
  const state: PartState = isAtRest
    ? "ok"
    : node.state === "down" || node.state === "stopped"
    ? "down"
    : node.state !== "running" || node.restartsInPeriod > 0 || isFull
    ? "degraded"
    : "ok";
  return {
    name,
    state,
    detail: {
      state: node.state,
      ...(isAtRest ? { inUse: false } : {}),
      incarnation: node.incarnation,
      restartsInPeriod: node.restartsInPeriod,
      ...(mailbox === null ? {} : { depth: mailbox.depth, bound: mailbox.bound }),
      ...(node.lastError === null ? {} : { lastError: node.lastError }),
    },
  };
}
