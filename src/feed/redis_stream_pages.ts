/**
 * Reading a Redis Stream page by page: one script says what follows a place and whether anything
 * between was given up unread, in one step; `XREAD BLOCK` only waits.
 *
 * The script bounds what crosses the wire: a page ends when it is full, and of an entry that is too
 * large only its size is sent. For users and passwords by ACL: the commands are EVAL, TYPE, XINFO,
 * XRANGE, XREAD and, where the stream is trimmed, XTRIM, all on one key.
 *
 * @module
 */

import type { Clock, Random } from "../actor/clock.ts";
import { type KeyLink, RedisGroup } from "../store/nodes/redis_group.ts";
import { STREAM_ENTRY_BYTES_MAX } from "./redis_stream_entry.ts";

/** Bytes at which a page ends: one more entry may be over. */
const PAGE_BYTES = 4 * 1024 * 1024;
/** Most entries of a page. */
const PAGE_ENTRIES_MAX = 1_024;
/** Deadline of a trip beside the time that the server holds it back, ms: a page takes some 20 ms. */
const DEADLINE_MS = 5_000;
/** How long opening waits for a connection, ms; then whoever asked tries again later. */
const CONNECT_LIMIT_MS = 3_000;

/** The place before the first entry of any stream. */
export const STREAM_START = "0-0";

/** Says what the stream is like and what follows a place, up to the bounds of a page. */
const SCRIPT = `
local key, after = KEYS[1], ARGV[1]
local from = ARGV[2] == '1' and after or '(' .. after
local bytesMax, entryBytesMax, entriesMax = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local kind = redis.call('TYPE', key)['ok']
if kind ~= 'stream' then return {kind} end
local info, at = redis.call('XINFO', 'STREAM', key), {}
for i = 1, #info, 2 do at[info[i]] = info[i + 1] end
local first = at['first-entry'] and at['first-entry'][1] or ''
local has = #redis.call('XRANGE', key, after, after)
local entries, bytes = {}, 0
while bytes < bytesMax and #entries < entriesMax do
  local found = redis.call('XRANGE', key, from, '+', 'COUNT', 32)
  for _, entry in ipairs(found) do
    if bytes >= bytesMax or #entries >= entriesMax then break end
    local size = 0
    for _, value in ipairs(entry[2]) do size = size + #value end
    if size > entryBytesMax then
      entries[#entries + 1] = {entry[1], size}
    else
      entries[#entries + 1] = entry
      bytes = bytes + size
    end
  end
  if #found < 32 then break end
  from = '(' .. found[#found][1]
end
local added = at['entries-added'] or -1
return {kind, at['last-generated-id'], added, at['length'], has, first, entries}
`;

/** One entry: names and values of its fields in turn, or how large it is if that is too large. */
export interface RawEntry {
  readonly id: string;
  readonly fields: readonly Uint8Array[] | { readonly bytes: number };
}

/** What there was when a page was read, all of one moment. */
export type StreamPage =
  | { readonly state: "none" }
  /** The key holds something else. */
  | { readonly state: "foreign"; readonly kind: string }
  | {
    readonly state: "stream";
    /** The last id that the stream gave out. */
    readonly lastId: string;
    /** Entries that were ever added; null before Redis 7. */
    readonly added: number | null;
    /** Entries that it holds. */
    readonly length: number;
    /** Whether the entry that was asked after is still there. */
    readonly hasAfter: boolean;
    /** Its first entry; null when it holds none. */
    readonly firstId: string | null;
    readonly entries: readonly RawEntry[];
  };

/** Where the stream is. */
export interface StreamPagesOptions {
  /** One server or a Cluster, as `redisPlace` reads it. */
  readonly url: string;
  /** Key of the stream. */
  readonly key: string;
  readonly clock: Clock;
  readonly random: Random;
}

/** A connection of its own to one stream. Calls are answered in their order. */
export class StreamPages {
  readonly #key: string;
  readonly #clock: Clock;
  readonly #group: RedisGroup;
  readonly #link: KeyLink;
  readonly #ready = Promise.withResolvers<void>();

  /** Begins to connect. */
  constructor({ url, key, clock, random }: StreamPagesOptions) {
    this.#key = key;
    this.#clock = clock;
    this.#group = new RedisGroup({ place: url, clock, random });
    this.#link = this.#group.link(key, { onReady: () => this.#ready.resolve() });
  }

  /** Resolves once it is connected. @throws When it is not within some seconds. */
  async connected(): Promise<void> {
    const late = Promise.withResolvers<never>();
    const cancel = this.#clock.setTimer(CONNECT_LIMIT_MS, () => {
      const why = this.#link.lastError ?? "none";
      late.reject(new Error(`expected a connection within ${CONNECT_LIMIT_MS} ms: ${why}`));
    });
    try {
      await Promise.race([this.#ready.promise, late.promise]);
    } finally {
      cancel();
    }
  }

  /** What follows the entry `after`, with that entry itself if it is to be read again. */
  async page(after: string, again: boolean): Promise<StreamPage> {
    const bounds = [PAGE_BYTES, STREAM_ENTRY_BYTES_MAX, PAGE_ENTRIES_MAX];
    const words = [SCRIPT, 1, this.#key, after, again ? 1 : 0, ...bounds];
    const reply = await this.#link.trip((redis) => redis.callBuffer("EVAL", words), DEADLINE_MS);
    return pageOf(reply as Reply);
  }

  /** Waits up to `waitMs` for an entry after that one; whether there is one. */
  async wait(after: string, waitMs: number): Promise<boolean> {
    const found = await this.#link.trip(
      (redis) => redis.xreadBuffer("COUNT", 1, "BLOCK", waitMs, "STREAMS", this.#key, after),
      waitMs + DEADLINE_MS,
    );
    return found !== null;
  }

  /** Gives up what lies before the entry `id`, which stays. */
  async trim(id: string): Promise<void> {
    await this.#link.trip((redis) => redis.xtrim(this.#key, "MINID", id), 2 * DEADLINE_MS);
  }

  /** Ends the connection; idempotent. */
  close(): Promise<void> {
    this.#ready.resolve();
    return this.#group.close();
  }
}

type Reply = readonly [
  kind: Uint8Array,
  lastId: Uint8Array,
  added: number,
  length: number,
  has: number,
  firstId: Uint8Array,
  entries: readonly (readonly [Uint8Array, readonly Uint8Array[] | number])[],
];

const decoder = new TextDecoder();

function pageOf([kindBytes, lastId, added, length, has, firstId, entries]: Reply): StreamPage {
  const kind = decoder.decode(kindBytes);
  if (kind === "none") return { state: "none" };
  if (kind !== "stream") return { state: "foreign", kind };
  return {
    state: "stream",
    lastId: decoder.decode(lastId),
    added: added < 0 ? null : added,
    length,
    hasAfter: has === 1,
    firstId: firstId.length === 0 ? null : decoder.decode(firstId),
    entries: entries.map(([id, fields]) => ({
      id: decoder.decode(id),
      fields: typeof fields === "number" ? { bytes: fields } : fields,
    })),
  };
}

/** Order of two ids: below 0 when `a` comes first. */
export function compareStreamIds(a: string, b: string): number {
  const [aMs, aNumber] = partsOf(a);
  const [bMs, bNumber] = partsOf(b);
  if (aMs !== bMs) return aMs < bMs ? -1 : 1;
  return aNumber === bNumber ? 0 : aNumber < bNumber ? -1 : 1;
}

function partsOf(id: string): readonly [ms: bigint, number: bigint] {
  const [ms = "0", number = "0"] = id.split("-");
  return [BigInt(ms), BigInt(number)];
}
