/** What the tests of logs share. */

import { type Clock, systemClock, systemRandom } from "../../../src/actor/clock.ts";
import { PARTITIONS } from "../../../src/market/partition.ts";
import type { CopyHome } from "../../../src/store/log/copy.ts";
import type {
  EntryKind,
  Fence,
  NewEntry,
  NodeInfo,
  SharedLog,
  Taken,
  Transfer,
} from "../../../src/store/log/port.ts";
import {
  ReplicatedStore,
  type ReplicatedStoreOptions,
} from "../../../src/store/log/replicated_store.ts";
import { serviceOrSkip } from "../../support/services.ts";
import { RedisLog, type RedisLogOptions } from "../../../src/store/log/redis_log.ts";

/** An entry of a writer. */
export function entry(
  writer: string,
  number: number,
  { fences = [], kind = "put", bytes = text(`${writer}${number}`) }: {
    fences?: readonly Fence[];
    kind?: EntryKind;
    bytes?: Uint8Array;
  } = {},
): NewEntry {
  return { writer, number, fences, kind, bytes };
}

/** UTF-8. */
export function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

/** The text of bytes. */
export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** A node. */
export function node(name: string, session: string, more: Partial<NodeInfo> = {}): NodeInfo {
  return {
    node: name,
    session,
    region: "",
    url: null,
    version: "0.1.0",
    startedMs: 0,
    isLeaving: false,
    applied: 0,
    ...more,
  };
}

/** The same partitions, as they are handed to a node. */
export function toNode(fences: readonly Fence[], to: string): Transfer[] {
  return fences.map(({ partition, token }) => ({ partition, token, to }));
}

/** A log over Redis with the machine's clock and chance. */
export function redisLog(redis: string, more: Partial<RedisLogOptions> = {}): RedisLog {
  return new RedisLog({ redis, clock: systemClock, random: systemRandom, ...more });
}

let prefixes = 0;

/** Keys of a test's own. */
export function newPrefix(): string {
  return `t${++prefixes}`;
}

/** One server for all tests of a file that registers them after this; says its URL. */
export function oneServer(
  start: () => Promise<{ readonly url: string } & AsyncDisposable>,
): () => string {
  let server: Awaited<ReturnType<typeof start>> | null = null;
  if (!serviceOrSkip("redis").ignore) {
    Deno.test.beforeAll(async () => void (server = await start()));
    Deno.test.afterAll(async () => await server?.[Symbol.asyncDispose]());
  }
  return () => server?.url ?? "";
}

/** A store over a log that owns all partitions and closes its log. */
export async function ownedStore(
  log: SharedLog,
  copy: CopyHome,
  { session = crypto.randomUUID(), clock = systemClock, more = {} }: {
    session?: string;
    clock?: Clock;
    more?: Partial<ReplicatedStoreOptions>;
  } = {},
): Promise<ReplicatedStore> {
  const store = await replicated(log, copy, { session, clock, more });
  await log.beat(node(session, session), 600_000);
  await own(log, store, session);
  return store;
}

/** A store over a log that owns nothing and closes its log. */
export async function replicated(
  log: SharedLog,
  copy: CopyHome,
  { session = crypto.randomUUID(), clock = systemClock, more = {} }: {
    session?: string;
    clock?: Clock;
    more?: Partial<ReplicatedStoreOptions>;
  } = {},
): Promise<ReplicatedStore> {
  const instance = crypto.randomUUID().slice(0, 8);
  const store = await ReplicatedStore.open({ log, copy, clock, session, instance, ...more });
  const close = store.close.bind(store);
  store.close = async () => {
    await close();
    await log.close();
  };
  return store;
}

/** Takes partitions for a session that is alive; all that are free unless some are named. */
export async function own(
  log: SharedLog,
  store: ReplicatedStore,
  session: string,
  partitions = Array.from({ length: PARTITIONS }, (_, i) => i),
): Promise<Taken> {
  const taken = await log.take(session, partitions);
  store.setFences(new Map(taken.fences.map(({ partition, token }) => [partition, token])));
  await store.caughtUp(taken.position);
  return taken;
}
