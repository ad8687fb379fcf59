/**
 * What a tree has more when it is one node of several: the parts between the streams of candles and
 * the label pool, the one that follows the log, and the membership itself.
 *
 * @module
 */

import {
  child,
  type ChildSpec,
  type Clock,
  pause,
  type Random,
  type Ref,
  type System,
  type TreeRefs,
  wrappedRef,
} from "../src/actor/mod.ts";
import { Fabric } from "../src/actor/remote.ts";
import type { Wire } from "../src/actor/remote_wire.ts";
import type { BudgetTerms, SharedBudget } from "../src/batch/shared_budget.ts";
import type { CacheRouter } from "../src/cache/router.ts";
import { GATE_ALLOWED } from "../src/http/node_gate.ts";
import type { LabelParams } from "../src/label/params.ts";
import { nodeFinding } from "../src/monitor/collect_nodes.ts";
import { partitionFinding } from "../src/monitor/collect_partitions.ts";
import { NODES_PREFIX_DEFAULT } from "../src/store/log/keys.ts";
import type { SharedLog } from "../src/store/log/port.ts";
import type { PartitionPin } from "../src/store/nodes/assignment.ts";
import { NodeDuties } from "../src/store/nodes/duties.ts";
import type { ChangedRecord } from "../src/store/nodes/followed_store.ts";
import { PeerList } from "../src/store/nodes/peers.ts";
import { RecordNews } from "../src/store/nodes/record_news.ts";
import { partitionFeed, type PartitionStreams } from "../src/store/partitions/port.ts";
import { type FollowerCell, logFollower } from "./log_follower.ts";
import type { MonitorCollector } from "./monitor.ts";
import { node, type NodeStore } from "./node.ts";
import { rehearse } from "./tree_rehearsal.ts";
import { partitionReader } from "./partition_reader.ts";
import { partitionWriter, type PartitionWriterArgs } from "./partition_writer.ts";
import { Admin, CommitSink, LabelPool, LabelSink, Store } from "./protocols.ts";
import { NodeMember, PartitionReader, PartitionWriter } from "./protocols_nodes.ts";

/** How a node reaches the others. */
export type NodesWay =
  | {
    readonly kind: "redis";
    /** As `redisPlace` reads it: one server, or some of a Cluster. */
    readonly redis: string;
    /** What all names begin with; default `wick`. */
    readonly prefix?: string;
  }
  /** For tests and simulations: ways that are there already. */
  | {
    readonly kind: "open";
    readonly log: () => SharedLog;
    readonly streams: () => PartitionStreams;
    /** Without one nothing is sent to actors of other nodes. */
    readonly wire?: () => Wire;
    /** Without it each node has the whole budget of a provider. */
    readonly budget?: SharedBudgets;
  };

/** The budget of the provider of a name. */
export type SharedBudgets = (provider: string, terms: BudgetTerms) => SharedBudget;

/** A tree that is one node of several. */
export interface NodesSpec {
  /** Name; no other node may have it. */
  readonly node: string;
  /** This life of it, never the same twice. */
  readonly session: string;
  /** Where it stands, for pins; default: nobody said. */
  readonly region?: string;
  /** Where others reach its admin HTTP; default: where that listens. */
  readonly url?: string | null;
  /** After so long without a sign of it others take over, ms; default 2,000. */
  readonly leaseMs?: number;
  /** Partitions that belong in a region; the same on all nodes. */
  readonly pins?: readonly PartitionPin[];
  /** How it reaches the others. */
  readonly way: NodesWay;
  /** It must not go on: another node has its name, say. Default: it is logged. */
  readonly onStopped?: (error: Error) => void;
}

/** Lease of a node, ms, unless told otherwise. */
export const NODE_LEASE_MS = 2_000;

/** The node of a tree, before the tree is there. */
export interface TreeNodes {
  readonly spec: NodesSpec;
  readonly version: string;
  readonly startedMs: number;
  readonly duties: NodeDuties;
  readonly peers: PeerList;
  readonly cell: FollowerCell;
  /** Partitions that the reader reads. */
  readonly owned: Set<number>;
  /** Tells which records changed, wherever. */
  readonly news: RecordNews;
  readonly way: OpenWay;
}

/** Ways to the others that are shared by all that use them, and end with the tree. */
interface OpenWay {
  readonly streams: PartitionStreams;
  readonly wire: Wire | null;
  readonly budget: SharedBudgets | null;
  openLog(): SharedLog;
  /** Streams for practice, closed by whoever asks for them; null where there is nothing to practise. */
  practiceStreams(): PartitionStreams | null;
  /** Resolves once what others send can arrive, so that the node may be announced. */
  ready(): Promise<void>;
  close(): Promise<void>;
}

/** Where the parts of a node lie, below the root. */
export const NODE_PATHS = {
  follower: "core/work/log_follower",
  reader: "core/work/ingest/partition_reader",
  writer: "core/work/ingest/partition_writer",
  node: "core/work/ingest/node",
} as const;

/** The node of a tree. What speaks to Redis is loaded by nodes only: 10 MB. */
export async function treeNodesOf(
  spec: NodesSpec,
  version: string,
  clock: Clock,
  random: Random,
): Promise<TreeNodes> {
  return {
    ...{ spec, version, startedMs: clock.wallNow() },
    ...{ duties: new NodeDuties(), peers: new PeerList(), news: new RecordNews() },
    owned: new Set(),
    cell: { toldSeq: null, toldChanges: 0 },
    way: await openWay(spec, clock, random),
  };
}

async function openWay(
  { way, session }: NodesSpec,
  clock: Clock,
  random: Random,
): Promise<OpenWay> {
  if (way.kind === "open") {
    const streams = way.streams();
    return {
      streams,
      openLog: way.log,
      practiceStreams: () => null,
      wire: way.wire?.() ?? null,
      budget: way.budget ?? null,
      ready: () => Promise.resolve(),
      close: () => streams.close(),
    };
  }
  const { RedisGroup } = await import("../src/store/nodes/redis_group.ts");
  const { RedisLog } = await import("../src/store/log/redis_log.ts");
  const { RedisStreams } = await import("../src/store/partitions/redis_streams.ts");
  const { RedisWire } = await import("../src/store/nodes/redis_wire.ts");
  const { RedisBudget } = await import("../src/store/nodes/shared_budget.ts");
  const group = new RedisGroup({ place: way.redis, clock, random });
  const { prefix = NODES_PREFIX_DEFAULT } = way;
  const redis = { redis: group, clock, random, prefix };
  const streams = new RedisStreams({ ...redis, session });
  const wire = new RedisWire({ group, prefix, session });
  return {
    streams,
    wire,
    // The store's thread has one of its own, which makes the log where there is none.
    openLog: () => new RedisLog({ ...redis, isMaking: false }),
    practiceStreams: () =>
      new RedisStreams({
        ...redis,
        session: `${session}/practice`,
        pageBytes: PRACTICE_PAGE_BYTES,
      }),
    budget: (name, terms) =>
      new RedisBudget({ name, terms, prefix, trip: (key, run, ms) => group.trip(key, run, ms) }),
    ready: () => Promise.race([wire.listening, pause(clock, READY_MS)]),
    close: async () => {
      await streams.close();
      await group[Symbol.asyncDispose]();
    },
  };
}

/** Pages that are read for practice: much may wait, and all of it is thrown away; 4 MB in all. */
const PRACTICE_PAGE_BYTES = 8 * 1024;

/** A Redis that is away keeps no node from starting, ms. */
const READY_MS = 2_000;

/** Makes the running system send to other nodes, and end its ways when it ends. */
export function joinFabric(nodes: TreeNodes, system: System): void {
  const { spec: { node, session }, peers, way } = nodes;
  const { wire } = way;
  const fabric = wire === null
    ? null
    : new Fabric({ system, self: { node, session }, wire, peers, allow: [GATE_ALLOWED] });
  const ended = system.done.then(async () => {
    await fabric?.[Symbol.asyncDispose]();
    await way.close();
  });
  system.awaitAtStop(ended);
}

/** Messages of a store that name a kind of records. */
const RECORD_MESSAGES = new Set(["putRecord", "dropRecord", "record", "records"]);

/**
 * A store for what a node keeps about itself (statistics of its cache, its own runs): the same, but its
 * records are under kinds of this node, since all nodes see all records.
 */
export function ownRecords(
  store: Ref<typeof Store.definition>,
  nodes: TreeNodes | null,
): Ref<typeof Store.definition> {
  if (nodes === null) return store;
  const { node } = nodes.spec;
  return wrappedRef(store, (ref, type, payload, options) => {
    const { kind } = payload as { readonly kind?: string };
    const own = RECORD_MESSAGES.has(type)
      ? { ...payload as object, kind: `${kind}@${node}` }
      : payload;
    return ref.ask(type, own as never, options);
  });
}

/** What parts are given whose work is done on one node at a time; nothing where this is alone. */
export function sharedOf(nodes: TreeNodes | null) {
  if (nodes === null) return {};
  const { spec: { node }, duties, news } = nodes;
  return { shared: { node, duties, news } };
}

/** The same for a provider, whose limits are one budget of all nodes. */
export function sharedBudgetOf(nodes: TreeNodes | null) {
  const budget = nodes?.way.budget ?? null;
  if (nodes === null || budget === null) return {};
  return { shared: { node: nodes.spec.node, budget } };
}

/** Who is told of commits, and where the parts are that the node needs. */
export interface NodeNeighbours {
  readonly store: string;
  readonly pool: string;
  readonly sinks: string;
}

/** Follows the log; before everything that it tells, so that it hears the last commits too. */
export function followerChild(
  nodes: TreeNodes,
  paths: NodeNeighbours,
  told: {
    readonly sinks: readonly ChildSpec[];
    readonly commitSinks: readonly ChildSpec[];
    readonly cache: CacheRouter<unknown> | null;
    readonly onRecords: (changed: readonly ChangedRecord[] | null) => void;
  },
): ChildSpec {
  return child(logFollower, {
    name: "log_follower",
    args: (refs) => ({
      store: refs.ask(Store, paths.store),
      cell: nodes.cell,
      pool: refs.tell(LabelPool, paths.pool),
      sinks: told.sinks.map(({ name }) => refs.tell(LabelSink, `${paths.sinks}/${name}`)),
      commitSinks: told.commitSinks.map(({ name }) =>
        refs.tell(CommitSink, `${paths.sinks}/${name}`)
      ),
      onRecords: (changed) => {
        nodes.news.tell(changed);
        told.onRecords(changed);
      },
      ...(told.cache === null ? {} : { cache: told.cache }),
    }),
  });
}

/** After the pool, and before what sends candles. */
export function streamChildren(
  nodes: TreeNodes,
  paths: NodeNeighbours,
  packed: boolean,
  more: Pick<PartitionWriterArgs, "admission" | "door">,
): ChildSpec[] {
  const { owned, way: { streams } } = nodes;
  return [
    child(partitionReader, {
      name: "partition_reader",
      args: (refs) => ({
        store: refs.ask(Store, paths.store),
        pool: refs.ask(LabelPool, paths.pool),
        ...{ streams, owned },
      }),
    }),
    child(partitionWriter, {
      name: "partition_writer",
      args: (refs) => ({ store: refs.ask(Store, paths.store), packed, streams, ...more }),
    }),
  ];
}

/** The last of the ingest path: it leaves before anything of that ends. */
export function nodeChild(
  nodes: TreeNodes,
  paths: NodeNeighbours,
  params: LabelParams,
): ChildSpec {
  const { spec, version, startedMs, duties, peers, owned, way } = nodes;
  const { node: name, session, region = "", url = null, leaseMs, pins, onStopped } = spec;
  let known = url;
  return child(node, {
    name: "node",
    shutdownMs: LEAVE_MS,
    args: (refs) => {
      lookUrl(refs, (found) => known ??= found);
      const store = refs.ask(Store, paths.store);
      return {
        info: { node: name, session, region, version, startedMs },
        url: () => known,
        leaseMs: leaseMs ?? NODE_LEASE_MS,
        ...(pins === undefined ? {} : { pins }),
        group: async () => {
          await way.ready();
          return way.openLog();
        },
        store: nodeStore(store),
        reader: refs.ask(PartitionReader, NODE_PATHS.reader),
        pool: refs.tell(LabelPool, paths.pool),
        ...{ streams: way.streams, owned, duties, peers },
        started: refs.system.started,
        rehearse: (signal) => rehearsalOf(way, store, params, refs, signal),
        isStopping: () => refs.system.isStopping,
        onStopped: onStopped ?? (() => {}),
      };
    },
  });
}

/** What the monitor looks at in a node. */
export function nodeCollectors(nodes: TreeNodes | null, system: System): MonitorCollector[] {
  if (nodes === null) return [];
  const { node, reader, writer } = NODE_PATHS;
  return [
    {
      name: node,
      collect: async () =>
        nodeFinding(node, await system.ref(NodeMember, node).ask("nodes", {}, LOOK)),
    },
    {
      name: reader,
      collect: async () => {
        const [read, written] = await Promise.all([
          system.ref(PartitionReader, reader).ask("status", {}, LOOK),
          system.ref(PartitionWriter, writer).ask("status", {}, LOOK),
        ]);
        return partitionFinding("partitions", read, written);
      },
    },
  ];
}

/** Draining and leaving have bounds of their own, which are less. */
const LEAVE_MS = 8_000;
const ANSWER = { timeoutMs: 60_000 } as const;
/** The next beat says where the copy stands; one that cannot be asked in time says nothing new. */
const LOOK = { timeoutMs: 1_000 } as const;

/** Makes the way that candles take fast, before any do; see `tree_rehearsal.ts`. */
async function rehearsalOf(
  way: OpenWay,
  store: Ref<typeof Store.definition>,
  params: LabelParams,
  { system: { clock, random } }: TreeRefs,
  signal: AbortSignal,
): Promise<void> {
  const streams = way.practiceStreams();
  if (streams === null) return;
  try {
    await rehearse({ store, streams, params, clock, random }, signal);
  } finally {
    await streams.close();
  }
}

/** The admin may start later, or be none. */
function lookUrl({ system }: TreeRefs, found: (url: string) => void): void {
  system.started.then(() => system.ref(Admin, "admin").ask("status", {}, ANSWER)).then(
    ({ url }) => found(url),
    () => {},
  );
}

function nodeStore(store: Ref<typeof Store.definition>): NodeStore {
  return {
    setFences: async (tokens) => {
      const fences = [...tokens].map(([partition, token]) => ({ partition, token }));
      await store.ask("setFences", { fences }, ANSWER);
    },
    caughtUp: (position, partitions) => {
      const feeds = partitions.map(partitionFeed);
      return store.ask("caughtUp", { position, feeds }, ANSWER);
    },
    applied: () => store.ask("appliedPosition", {}, LOOK),
  };
}
