/**
 * The tree as plain data: what the dashboard, the command line and the tests look at.
 *
 * @module
 */

import { textOf } from "./errors.ts";
import { MailboxNode } from "./mailbox_node.ts";
import type { Node, NodeState, RestartType } from "./node.ts";
import { SupervisorNode } from "./supervisor.ts";

/** One node of the tree at one moment. */
export interface TreeNode {
  /** Last part of the path. */
  readonly name: string;
  /** Absolute path, as `/wick/core/store`. */
  readonly path: string;
  /** `thread`: an actor in a thread of its own. */
  readonly kind: "actor" | "thread" | "supervisor";
  /** Where it is in its life. */
  readonly state: NodeState;
  /** Successful and failed starts so far. */
  readonly incarnation: number;
  /** When its supervisor restarts it. */
  readonly restart: RestartType;
  /** Restarts within the period. */
  readonly restartsInPeriod: number;
  /** When it was last restarted, epoch ms; null = never, or before its supervisor was. */
  readonly restartedAt: number | null;
  /** What it failed with last, as text; null = it never failed. */
  readonly lastError: string | null;
  /** Only supervisors. */
  readonly supervisor: {
    readonly strategy: string;
    readonly intensity: number;
    readonly periodMs: number;
    /** Whether restarts are counted per child or over all children. */
    readonly intensityScope: "child" | "supervisor";
    readonly restarts: number;
    readonly gaveUp: number;
  } | null;
  /** Only actors. */
  readonly mailbox: {
    readonly protocol: string;
    readonly depth: number;
    readonly bound: number;
    readonly bytes: number;
    readonly sent: number;
    readonly handled: number;
    readonly deadLettered: number;
    readonly superseded: number;
    /** Messages handled per second since the last look at this node. */
    readonly ratePerSecond: number;
    readonly serviceMs: { readonly p50: number; readonly p95: number; readonly p99: number };
    readonly oldestMs: number;
    readonly expectedWaitMs: number;
  } | null;
  /** Children of a supervisor in the order of their start; none of an actor. */
  readonly children: readonly TreeNode[];
}

interface Look {
  atMs: number;
  handled: number;
  ratePerSecond: number;
}
const looks = new WeakMap<MailboxNode, Look>();
/** Two looks closer than this share one rate. */
const LOOK_MIN_MS = 500;

/** The tree below `node` at monotonic time `nowMs`. */
export function describeTree(node: Node, nowMs: number): TreeNode {
  const supervisor = node instanceof SupervisorNode ? node : null;
  const parent = node.parent instanceof SupervisorNode ? node.parent : null;
  const sinceMs = nowMs - (parent?.options.periodMs ?? Infinity);
  return {
    name: node.name,
    path: node.path,
    kind: supervisor !== null
      ? "supervisor"
      : node.constructor.name === "ThreadNode"
      ? "thread"
      : "actor",
    state: node.state,
    incarnation: node.incarnation,
    restart: node.restart,
    restartsInPeriod: node.restartsMs.filter((atMs) => atMs >= sinceMs).length,
    restartedAt: node.lastRestart?.at ?? null,
    lastError: node.lastError === null ? null : textOf(node.lastError),
    supervisor: supervisor === null ? null : {
      strategy: supervisor.options.strategy,
      intensity: supervisor.options.intensity,
      periodMs: supervisor.options.periodMs,
      intensityScope: supervisor.options.intensityScope,
      restarts: supervisor.restarts,
      gaveUp: supervisor.gaveUp,
    },
    mailbox: node instanceof MailboxNode ? describeMailbox(node, nowMs) : null,
    children: supervisor === null
      ? []
      : supervisor.children.map((part) => describeTree(part, nowMs)),
  };
}

function describeMailbox(node: MailboxNode, nowMs: number): TreeNode["mailbox"] {
  const { service, mailbox } = node;
  const oldestAtMs = mailbox.oldestAtMs();
  return {
    protocol: node.protocol.name,
    depth: node.queued,
    bound: mailbox.bound,
    bytes: mailbox.bytes,
    sent: node.sent,
    handled: node.handled,
    deadLettered: node.deadLettered,
    superseded: node.superseded,
    ratePerSecond: rateOf(node, nowMs),
    serviceMs: {
      p50: service.percentileMs(0.5),
      p95: service.percentileMs(0.95),
      p99: service.percentileMs(0.99),
    },
    oldestMs: oldestAtMs === Infinity ? 0 : Math.max(0, nowMs - oldestAtMs),
    expectedWaitMs: node.expectedWaitMs(),
  };
}

function rateOf(node: MailboxNode, nowMs: number): number {
  const look = looks.get(node);
  if (look === undefined) {
    looks.set(node, { atMs: nowMs, handled: node.handled, ratePerSecond: 0 });
    return 0;
  }
  if (nowMs - look.atMs < LOOK_MIN_MS) return look.ratePerSecond;
  look.ratePerSecond = (node.handled - look.handled) / ((nowMs - look.atMs) / 1_000);
  look.atMs = nowMs;
  look.handled = node.handled;
  return look.ratePerSecond;
}
