/** Large entries in Redis, whose bytes lie under keys of their own. */

import { assertEquals } from "@std/assert";
import { HELD_BYTES } from "../../../src/store/log/redis_entries.ts";
import type { RedisLog } from "../../../src/store/log/redis_log.ts";
import { RedisServer } from "../../support/redis.ts";
import { serviceOrSkip } from "../../support/services.ts";
import { entry, newPrefix, node, oneServer, redisLog } from "./support.ts";

const url = oneServer(() => RedisServer.start());
// The parser of the Redis client shrinks a pool of memory every 50 ms for a while after large replies.
const options = { ...serviceOrSkip("redis"), sanitizeOps: false, sanitizeResources: false };

/** The lines that the server answers to a command. */
async function lines(...words: string[]): Promise<string[]> {
  using connection = await Deno.connect({
    hostname: "127.0.0.1",
    port: Number(new URL(url()).port),
  });
  const parts = words.map((word) => `$${word.length}\r\n${word}\r\n`);
  await connection.write(new TextEncoder().encode(`*${words.length}\r\n${parts.join("")}`));
  const reply = new Uint8Array(64 * 1024);
  const length = await connection.read(reply) ?? 0;
  return new TextDecoder().decode(reply.subarray(0, length)).split("\r\n");
}

/** A log of a test's own, and what its keys are. */
async function opened() {
  const prefix = newPrefix();
  const log = redisLog(url(), { prefix });
  await log.meet(null);
  const keys = async (pattern: string) => {
    const found = await lines("KEYS", `${prefix}:{log}:${pattern}`);
    return found.filter((line) => line.startsWith(prefix)).sort();
  };
  return { log, prefix, keys };
}

function bytesOf(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + seed * 7) & 0xff);
}

async function put(log: RedisLog, number: number, bytes: Uint8Array) {
  return await log.append(entry("w/1", number, { bytes }));
}

Deno.test("RedisLog gives large and small entries as they were appended", options, async () => {
  const { log, prefix, keys } = await opened();
  const lengths = [10, HELD_BYTES - 1, HELD_BYTES, 3_000_000, 5, HELD_BYTES + 1];
  const sent = lengths.map(bytesOf);
  await Promise.all(sent.map((bytes, i) => put(log, i + 1, bytes)));
  await using other = redisLog(url(), { prefix, isMaking: false });
  const found = [];
  while (found.length < sent.length) found.push(...await other.read(found.length, 1_000));
  assertEquals(found.map(({ bytes }) => Uint8Array.from(bytes)), sent);
  assertEquals((await log.between(2, 5)).map(({ bytes }) => bytes.length), lengths.slice(2, 4));
  assertEquals(await keys("entries:*"), [3, 4, 6].map((at) => `${prefix}:{log}:entries:${at}`));
  assertEquals((await log.view()).bytes, lengths.reduce((sum, length) => sum + length, 0));
  await log.close();
});

Deno.test("RedisLog leaves nothing of a large entry that is not appended", options, async () => {
  const { log, prefix, keys } = await opened();
  await log.beat(node("n", "w"), 60_000);
  const { fences } = await log.take("w", [7]);
  const bytes = bytesOf(HELD_BYTES, 1);
  assertEquals((await log.append(entry("w/1", 1, { bytes, fences }))).state, "appended");
  assertEquals((await log.append(entry("w/1", 1, { bytes, fences }))).state, "known");
  const stale = fences.map(({ partition, token }) => ({ partition, token: token + 1 }));
  assertEquals((await log.append(entry("w/1", 2, { bytes, fences: stale }))).state, "fenced");
  assertEquals(await keys("entries:*"), [`${prefix}:{log}:entries:1`]);
  await log.close();
});

Deno.test("RedisLog.trim() gives up the bytes of large entries with them", options, async () => {
  const { log, prefix, keys } = await opened();
  for (let number = 1; number <= 5; number++) await put(log, number, bytesOf(HELD_BYTES, number));
  async function* pieces() {
    yield await Promise.resolve(new Uint8Array(10));
  }
  await log.putSnapshot(4, pieces());
  assertEquals(await keys("entries:*"), [4, 5].map((at) => `${prefix}:{log}:entries:${at}`));
  const left = await log.between(3, Infinity);
  assertEquals(left.map(({ position }) => position), [4, 5]);
  await log.close();
});

Deno.test("RedisLog keeps the bytes of what it appended for ever", options, async () => {
  const { log, prefix } = await opened();
  await put(log, 1, bytesOf(HELD_BYTES, 1));
  assertEquals((await lines("PTTL", `${prefix}:{log}:entries:1`))[0], ":-1");
  await log.close();
});
