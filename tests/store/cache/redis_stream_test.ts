/** The invalidation stream in Redis, and a server that forgets. */

import { assert, assertEquals, assertGreater } from "@std/assert";
import { seededRandom, systemClock } from "../../../src/actor/clock.ts";
import { InvalidationLog } from "../../../src/store/cache/invalidation_log.ts";
import { encodeMessage, EVERYTHING } from "../../../src/store/cache/invalidation_stream.ts";
import { openRedisCache } from "../../../src/store/cache/redis_cache.ts";
import { RedisInvalidationStream } from "../../../src/store/cache/redis_stream.ts";
import { orderOf } from "../../../src/store/cache/redis_stream_reader.ts";
import { RedisServer } from "../../support/redis.ts";
import { serviceOrSkip } from "../../support/services.ts";
import { entry, read } from "./support.ts";
import { ends, listen, streamConformance, until } from "./stream_conformance.ts";

const { ignore } = serviceOrSkip("redis");
const random = seededRandom(1);
let processes = 0;

function join(server: RedisServer, log = new InvalidationLog(systemClock), entriesMax = 20_000) {
  const processId = `p${processes++}`;
  const options = { url: server.url, clock: systemClock, random, log, processId, entriesMax };
  return new RedisInvalidationStream(options);
}

const areUp = (...members: RedisInvalidationStream[]) =>
  until("up", () => members.every((member) => member.status().state === "up"));
const areSent = (...members: RedisInvalidationStream[]) =>
  until("sent", () => members.every((member) => member.status().waiting === 0));

streamConformance({
  name: "redis stream",
  ignore,
  open: async () => {
    const server = await RedisServer.start();
    const members = [join(server), join(server), join(server)];
    await areUp(...members);
    return {
      members,
      interrupt: async (meanwhile) => {
        await server.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
        meanwhile();
        await areUp(...members);
      },
      [Symbol.asyncDispose]: async () => {
        await Promise.all(members.map((member) => member.close()));
        await server[Symbol.asyncDispose]();
      },
    };
  },
});

const text = (key: string) => encodeMessage(ends(key));

Deno.test(
  "RedisInvalidationStream: a server that comes back empty is a gap",
  { ignore },
  async () => {
    await using server = await RedisServer.start();
    await using a = join(server);
    await using b = join(server);
    await areUp(a, b);
    const heard = listen(b);
    a.publish(ends("before"));
    await until("before", () => heard.includes(text("before")));
    await server.kill();
    a.publish(ends("meanwhile"));
    heard.splice(0);
    await server.start();
    await until("told", () => heard.includes("gap"));
    await areUp(a, b);
    await areSent(a);
    a.publish(ends("after"));
    await until("after", () => heard.includes(text("after")));
    // What was published before the gap was told is covered by it.
    const rest = heard.filter((one) => one !== text("meanwhile") && one !== text("before"));
    assertEquals(rest, ["gap", text("after")]);
  },
);

Deno.test(
  "RedisInvalidationStream: what a server has lost is published again",
  { ignore },
  async () => {
    await using server = await RedisServer.start();
    await using a = join(server);
    await using b = join(server);
    await areUp(a, b);
    const heard = listen(b);
    a.publish(ends("kept"));
    await until("kept", () => heard.includes(text("kept")));
    await server.command("SAVE");
    a.publish(ends("lost"));
    await areSent(a);
    await until("lost", () => heard.includes(text("lost")));
    await server.kill();
    await server.start();
    const log = new InvalidationLog(systemClock);
    await using late = join(server, log);
    await until("repeated", () => a.status().repeated === 1);
    await areUp(a, b, late);
    await until("known to who has never heard of it", () => log.covers("lost", [], 0));
    assertGreater(heard.filter((one) => one === "gap").length, 1);
    a.publish(ends("after"));
    await until("after", () => heard.includes(text("after")));
  },
);

Deno.test("RedisInvalidationStream: a position that was trimmed is a gap", { ignore }, async () => {
  await using server = await RedisServer.start();
  await using a = join(server, undefined, 10);
  await using b = join(server);
  await areUp(a, b);
  const heard = listen(b);
  for (let i = 0; i < 1_000; i++) a.publish(ends(String(i)));
  await until("last", () => heard.includes(text("999")));
  assert(Number((await server.command("XLEN", "wick:cache:s")).slice(1)) < 900, "it is bounded");
  heard.splice(0);
  await server.command("XTRIM", "wick:cache:s", "MAXLEN", "0");
  await server.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
  await until("gap", () => heard.includes("gap"));
  await areUp(a, b);
  a.publish(ends("after"));
  await until("after", () => heard.includes(text("after")));
});

Deno.test("RedisInvalidationStream: a message that never comes is a gap", { ignore }, async () => {
  await using server = await RedisServer.start();
  await using b = join(server);
  await areUp(b);
  const heard = listen(b);
  heard.splice(0);
  const add = (n: number, message: string) =>
    server.command("XADD", "wick:cache:s", "*", "p", "other", "n", String(n), "m", message);
  await add(1, text("one"));
  await add(2, text("two"));
  await add(2, text("two"));
  await add(4, text("four"));
  await until("four", () => heard.includes(text("four")));
  assertEquals(heard, [text("one"), text("two"), "gap", text("four")]);
  await add(5, "what is no message");
  await until("gap", () => heard.length === 5);
  assertEquals(heard[4], "gap");
});

Deno.test("RedisInvalidationStream tells the log of its process", { ignore }, async () => {
  await using server = await RedisServer.start();
  const log = new InvalidationLog(systemClock);
  const ownLog = new InvalidationLog(systemClock);
  await using a = join(server, ownLog);
  await areUp(a);
  a.publish(ends("early"));
  await areSent(a);
  await using b = join(server, log);
  await areUp(b);
  const mark = log.mark;
  assertGreater(mark, 0);
  assertEquals([log.covers("early", [], mark - 1), log.covers("early", [], mark)], [true, false]);
  a.publish(ends("late"));
  assert(ownLog.covers("late", [], Infinity), "nothing is used before it is published");
  await until("heard", () => log.mark > mark);
  await areSent(a);
  assertEquals([log.covers("late", [], mark), log.covers("late", [], log.mark)], [true, false]);
  assertEquals([ownLog.covers("late", [], mark), ownLog.covers("late", [], log.mark)], [
    true,
    false,
  ]);
});

Deno.test("orderOf() keeps the order of ids", () => {
  const ids = ["0-0", "0-1", "5-0", "5-1", "1700000000000-0", "1700000000000-7", "1700000000001-0"];
  const orders = ids.map(orderOf);
  assertEquals(orders, orders.toSorted((a, b) => a - b));
  assertEquals(new Set(orders).size, ids.length);
  assert(Number.isSafeInteger(orderOf("4102444800000-1023")), "until 2100");
});

Deno.test(
  "openRedisCache() with the log of before deletes and tells what was owed",
  { ignore },
  async () => {
    await using server = await RedisServer.start({
      config: [["appendonly", "yes"], ["appendfsync", "always"]],
    });
    await using other = join(server);
    const log = new InvalidationLog(systemClock);
    const open = () => {
      const options = { url: server.url, clock: systemClock, random, log, deadlineMs: 2_000 };
      return openRedisCache({ ...options, processId: `p${processes++}` });
    };
    const first = open();
    await until("up", () => first.tier.status().state === "up");
    first.tier.setMany([entry("a", "1"), entry("b", "1")]);
    await until("written", () => first.tier.status().waiting === 0);
    await server.kill();
    await until("down", () => first.tier.status().state === "down");
    await first.tier.invalidate({ keys: ["a"] });
    first.stream.publish(ends("a"));
    await first.close();
    await server.start();
    await areUp(other);
    const heard = listen(other);
    heard.splice(0);
    await using second = open();
    await until("up again", () => second.tier.status().state === "up");
    await until("told", () => heard.length > 0);
    assertEquals(heard, [encodeMessage(EVERYTHING)]);
    assertEquals(await read(second.tier, "a", "b"), [null, null]);
    second.tier.setMany([entry("a", "2")]);
    await until("written", () => second.tier.status().waiting === 0);
    assertEquals(await read(second.tier, "a"), ["2"]);
  },
);
