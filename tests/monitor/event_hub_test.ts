import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { EVENT_CHARS_MAX, EventHub, type HubEvent } from "../../src/monitor/event_hub.ts";
import type { EventsPort } from "../../src/http/port.ts";
import { seedOf } from "../actor/seed.ts";

const SEED = seedOf("event_hub_test");

/** A hub that has published the events 1 to `count`, each with its id as data. */
function hubOf(count: number, keepMax = 8): EventHub {
  const hub = new EventHub({ keepMax });
  publish(hub, count);
  return hub;
}

function publish(hub: EventHub, count: number): void {
  for (let i = 0; i < count; i++) hub.publish("tick", hub.lastId + 1, 1_000 + hub.lastId);
}

async function take(watcher: { next(): Promise<HubEvent | null> }, count: number) {
  const ids: (number | string | null)[] = [];
  for (let i = 0; i < count; i++) {
    const event = await watcher.next();
    ids.push(event === null ? null : event.type === "tick" ? event.id : event.type);
  }
  return ids;
}

Deno.test("EventHub is what the admin HTTP asks for", async () => {
  const port: EventsPort = hubOf(1);
  const watcher = port.subscribe(0);
  assertEquals(await watcher.next(), { id: 1, type: "tick", at: 1_000, data: 1 });
  watcher.close();
});

Deno.test("EventHub.subscribe(null) gives only what comes from now on", async () => {
  const hub = hubOf(3);
  const watcher = hub.subscribe(null);
  const next = watcher.next();
  publish(hub, 2);
  assertEquals((await next)?.id, 4);
  assertEquals(await take(watcher, 1), [5]);
});

Deno.test("EventHub.subscribe(id) gives what is kept after it, then what comes", async () => {
  const hub = hubOf(5);
  const watcher = hub.subscribe(2);
  assertEquals(await take(watcher, 3), [3, 4, 5]);
  const next = watcher.next();
  publish(hub, 1);
  assertEquals((await next)?.id, 6);
});

Deno.test("EventHub.subscribe(id) first says which events are gone", async () => {
  const hub = hubOf(20, 8);
  const watcher = hub.subscribe(4);
  assertEquals(await watcher.next(), {
    id: 12,
    type: "missed",
    at: 1_019,
    data: { fromId: 5, toId: 12 },
  });
  assertEquals(await take(watcher, 8), [13, 14, 15, 16, 17, 18, 19, 20]);
});

Deno.test("EventHub.subscribe(id) of another process says so and gives all that is kept", async () => {
  for (const id of [1e15, 21, NaN, 1.5]) {
    const watcher = hubOf(20, 8).subscribe(id);
    const first = await watcher.next();
    assertEquals([first?.type, first?.data], ["missed", { fromId: null, toId: 12 }]);
    assertEquals(await take(watcher, 8), [13, 14, 15, 16, 17, 18, 19, 20]);
  }
});

Deno.test("EventHub.subscribe(id) of another process works before there is any event", async () => {
  const hub = new EventHub({ firstId: 1_000 });
  const [older, newer] = [hub.subscribe(17), hub.subscribe(2_000)];
  assertEquals((await older.next())?.data, { fromId: 18, toId: 999 });
  assertEquals((await newer.next())?.data, { fromId: null, toId: 999 });
  publish(hub, 1);
  assertEquals([await take(older, 1), await take(newer, 1)], [[1_000], [1_000]]);
});

Deno.test("EventHub drops a watcher that is too slow, after telling it; resuming goes on", async () => {
  const hub = hubOf(1, 4);
  const watcher = hub.subscribe(0);
  assertEquals(await take(watcher, 1), [1]);
  publish(hub, 6);
  assertEquals(await watcher.next(), {
    id: 1,
    type: "dropped",
    at: 1_006,
    data: { reason: "slow", fromId: 2, toId: 3 },
  });
  assertEquals(await take(watcher, 2), [null, null]);
  assertEquals(hub.watchers, 0);
  assertEquals(await take(hub.subscribe(1), 5), ["missed", 4, 5, 6, 7]);
});

Deno.test("EventHub lets a slow watcher skip, when that is its policy", async () => {
  const hub = hubOf(1, 4);
  const watcher = hub.subscribe(0, { slow: "skip" });
  assertEquals(await take(watcher, 1), [1]);
  publish(hub, 6);
  assertEquals((await watcher.next())?.data, { fromId: 2, toId: 3 });
  assertEquals(await take(watcher, 4), [4, 5, 6, 7]);
});

Deno.test("EventHub keeps a watcher exactly at the bound, and not one beyond", async () => {
  const hub = hubOf(0, 4);
  const [exactly, beyond] = [hub.subscribe(null), hub.subscribe(null)];
  publish(hub, 4);
  assertEquals(await take(exactly, 1), [1]);
  publish(hub, 1);
  assertEquals(await take(exactly, 1), [2]);
  assertEquals(await take(beyond, 1), ["dropped"]);
});

Deno.test("EventHub refuses watchers over its bound with one event that says so", async () => {
  const hub = new EventHub({ watchersMax: 2 });
  publish(hub, 1);
  const watchers = [hub.subscribe(null), hub.subscribe(null)];
  const third = hub.subscribe(0);
  assertEquals(await third.next(), {
    id: 0,
    type: "dropped",
    at: 1_000,
    data: { reason: "watchers", watchersMax: 2 },
  });
  assertEquals(await third.next(), null);
  watchers[0]?.close();
  assertEquals(await take(hub.subscribe(0), 1), [1]);
});

Deno.test("HubSubscription.close() answers a call that waits, and is idempotent", async () => {
  const hub = hubOf(1);
  const watcher = hub.subscribe(null);
  const next = watcher.next();
  watcher.close();
  watcher.close();
  assertEquals([await next, await watcher.next(), hub.watchers], [null, null, 0]);
});

Deno.test("HubSubscription.next() refuses a second call that waits", async () => {
  const hub = hubOf(0);
  const watcher = hub.subscribe(null);
  const first = watcher.next();
  await assertRejects(() => watcher.next(), Error, "another call waits");
  publish(hub, 1);
  assertEquals((await first)?.id, 1);
});

Deno.test("HubSubscription is an async iterator that lets go when its loop is left", async () => {
  const hub = hubOf(3);
  const ids: number[] = [];
  for await (const { id } of hub.subscribe(0)) if (ids.push(id) === 2) break;
  assertEquals([ids, hub.watchers], [[1, 2], 0]);
});

Deno.test("EventHub.close() ends all watchers and takes no more events", async () => {
  const hub = hubOf(1);
  const watcher = hub.subscribe(null);
  const next = watcher.next();
  hub.close();
  assertEquals([await next, hub.watchers], [null, 0]);
  assertEquals([hub.publish("tick", 1, 0), hub.lastId], [1, 1]);
  assertEquals(await hub.subscribe(0).next(), null);
});

Deno.test("EventHub replaces data that is too large or no JSON", async () => {
  const hub = new EventHub();
  const watcher = hub.subscribe(null);
  const fits = "x".repeat(EVENT_CHARS_MAX - 2);
  const loop: Record<string, unknown> = {};
  loop.self = loop;
  for (const data of [fits, `${fits}x`, loop, undefined]) hub.publish("tick", data, 0);
  assertEquals((await watcher.next())?.data, fits);
  assertEquals((await watcher.next())?.data, { leftOut: "16385 characters" });
  const third = (await watcher.next())?.data;
  assert(JSON.stringify(third).includes("circular"), JSON.stringify(third));
  assertEquals((await watcher.next())?.data, undefined);
});

Deno.test("EventHub refuses bounds that are none", () => {
  for (const options of [{ keepMax: 0 }, { keepMax: 1.5 }, { firstId: NaN }]) {
    assertThrows(() => new EventHub(options), RangeError, "Cannot make an event hub");
  }
});

Deno.test("EventHub gives every watcher every event once, in order, or says what is missing", async () => {
  const random = seededRandom(SEED);
  for (let round = 0; round < 40; round++) {
    const keepMax = 1 + Math.floor(random.next() * 12);
    const hub = new EventHub({ keepMax });
    // The twin: each watcher with the ids it must account for, one by one.
    const watchers: { watcher: ReturnType<EventHub["subscribe"]>; nextId: number }[] = [];
    for (let step = 0; step < 300; step++) {
      const chance = random.next();
      if (chance < 0.45) publish(hub, 1 + Math.floor(random.next() * 3));
      else if (chance < 0.55 && watchers.length < 6) {
        const afterId = Math.floor(random.next() * (hub.lastId + 1));
        const slow = random.next() < 0.5 ? "drop" : "skip";
        watchers.push({ watcher: hub.subscribe(afterId, { slow }), nextId: afterId + 1 });
      }
      const at = Math.floor(random.next() * watchers.length);
      const one = watchers[at];
      if (one === undefined || one.nextId > hub.lastId) continue;
      const event = await one.watcher.next();
      const oldest = Math.max(1, hub.lastId - keepMax + 1);
      assert(event !== null);
      if (one.nextId >= oldest) {
        assertEquals([event.id, event.type, event.data], [one.nextId, "tick", one.nextId]);
        one.nextId++;
      } else if (event.type === "missed") {
        assertEquals(event.data, { fromId: one.nextId, toId: oldest - 1 });
        one.nextId = oldest;
      } else {
        assertEquals([event.type, event.id], ["dropped", one.nextId - 1]);
        assertEquals(await one.watcher.next(), null);
        // It resumes from the id it was given.
        watchers[at] = { watcher: hub.subscribe(event.id), nextId: one.nextId };
      }
    }
  }
});
