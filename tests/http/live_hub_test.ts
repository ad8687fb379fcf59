/** The live hub: asked once for all, slow and failing topics, slow readers, nothing for nobody. */

import { VirtualClock } from "../../src/actor/clock.ts";
import {
  LIVE_EVERY_MS,
  LIVE_LATE_MS,
  LiveHub,
  type LiveSource,
  liveStream,
  type LiveWatcher,
} from "../../src/http/live_hub.ts";
import { assert, assertEquals } from "@std/assert";

type Topic = "a" | "b" | "log";

const decoder = new TextDecoder();

/** Lets what was resolved run on. */
const settle = async () => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};

/** A hub whose topics answer what a test says. */
class Rig {
  readonly clock = new VirtualClock();
  /** How often a topic was asked. */
  readonly asked = { a: 0, b: 0 };
  /** What they answer. */
  readonly answers: Record<"a" | "b", () => Promise<string>> = {
    a: () => Promise.resolve("1"),
    b: () => Promise.resolve("2"),
  };
  lines: string[] = [];
  readonly hub: LiveHub<Topic>;

  constructor(frameCharsMax = 1_000) {
    const state = (topic: "a" | "b"): LiveSource => ({
      kind: "state",
      ask: () => {
        this.asked[topic]++;
        return this.answers[topic]();
      },
    });
    this.hub = new LiveHub<Topic>({
      sources: {
        a: state("a"),
        b: state("b"),
        log: {
          kind: "lines",
          lastId: () => this.lines.length,
          after: (id) => {
            const lines = this.lines.slice(id ?? 0, (id ?? 0) + 3);
            return { text: JSON.stringify(lines), lastId: (id ?? 0) + lines.length };
          },
        },
      },
      clock: this.clock,
      explain: (error, topic) => `${topic}: ${(error as Error).message}`,
      frameCharsMax,
    });
  }

  async second(count = 1): Promise<void> {
    for (let i = 0; i < count; i++) {
      this.clock.advance(LIVE_EVERY_MS);
      await settle();
    }
  }
}

const OPEN = new AbortController().signal;

/** Everything that waits for a watcher, as `event data`; beats without their time. */
async function frames(watcher: LiveWatcher<Topic>): Promise<string[]> {
  await settle();
  const stop = new AbortController();
  const found: string[] = [];
  while (true) {
    const next = watcher.next(stop.signal);
    const first = await Promise.race([next, settle().then(() => undefined)]);
    if (first === undefined) {
      stop.abort();
      await next;
      return found;
    }
    if (first === null) return found;
    const [, event, data] = /^event: (.*)\ndata: (.*)\n\n$/.exec(decoder.decode(first)) ?? [];
    const { at, ...rest } = JSON.parse(data ?? "");
    assertEquals(typeof at, event === "problem" ? "undefined" : "number");
    found.push(event === "beat" ? "beat" : `${event} ${JSON.stringify(rest.data ?? rest)}`);
  }
}

Deno.test("LiveHub sends first frames at once, then what changed, and a beat each second", async () => {
  const rig = new Rig();
  const watcher = rig.hub.watch(["a", "b"]);
  assertEquals(await frames(watcher), ["beat", "a 1", "b 2"]);
  await rig.second();
  assertEquals(await frames(watcher), ["beat"]);
  rig.answers.b = () => Promise.resolve('{"n":3}');
  await rig.second();
  assertEquals((await frames(watcher)).sort(), ['b {"n":3}', "beat"]);
  watcher.close();
});

Deno.test("LiveHub asks once for all watchers, and not at all for none", async () => {
  const rig = new Rig();
  const watchers = Array.from({ length: 50 }, () => rig.hub.watch(["a"]));
  await settle();
  await rig.second(3);
  assertEquals(rig.asked, { a: 4, b: 0 });
  // One that comes later is given what is known, without another call.
  const late = rig.hub.watch(["a"]);
  assertEquals([await frames(late), rig.asked.a], [["beat", "a 1"], 4]);
  for (const watcher of [...watchers, late]) watcher.close();
  assertEquals([rig.hub.watchers, rig.clock.nextTimerAt()], [0, Infinity]);
  await rig.second(3);
  assertEquals(rig.asked, { a: 4, b: 0 });
});

Deno.test("LiveHub does not show what was long ago to whoever comes back", async () => {
  const rig = new Rig();
  rig.hub.watch(["a"]).close();
  await settle();
  rig.answers.a = () => Promise.resolve("9");
  const watcher = rig.hub.watch(["a"]);
  assertEquals(await frames(watcher), ["beat", "a 9"]);
  watcher.close();
});

Deno.test("LiveHub: a slow topic holds up no other, is not asked again, and is said to be late", async () => {
  const rig = new Rig();
  const slow = Promise.withResolvers<string>();
  rig.answers.a = () => slow.promise;
  const watcher = rig.hub.watch(["a", "b"]);
  assertEquals(await frames(watcher), ["beat", "b 2"]);
  let found: string[] = [];
  for (let ms = LIVE_EVERY_MS; ms < LIVE_LATE_MS; ms += LIVE_EVERY_MS) {
    await rig.second();
    found = [...found, ...await frames(watcher)];
  }
  assertEquals(new Set(found), new Set(["beat"]));
  await rig.second();
  assert((await frames(watcher)).includes('problem {"topic":"a","detail":"no answer for 5 s"}'));
  await rig.second(3);
  assertEquals(await frames(watcher), ["beat"]);
  assertEquals(rig.asked, { a: 1, b: 9 });
  slow.resolve("1");
  await settle();
  assertEquals(await frames(watcher), ["a 1"]);
  await rig.second();
  assertEquals(rig.asked.a, 2);
  watcher.close();
});

Deno.test("LiveHub: a failing topic is one problem until it answers, even the same as before", async () => {
  const rig = new Rig();
  const watcher = rig.hub.watch(["a"]);
  await frames(watcher);
  rig.answers.a = () => Promise.reject(new Error("the store is down"));
  await rig.second();
  assertEquals((await frames(watcher)).sort(), [
    "beat",
    'problem {"topic":"a","detail":"a: the store is down"}',
  ]);
  await rig.second(2);
  assertEquals(await frames(watcher), ["beat"]);
  rig.answers.a = () => {
    throw new Error("at once");
  };
  await rig.second();
  assertEquals((await frames(watcher)).length, 2);
  rig.answers.a = () => Promise.resolve("1");
  await rig.second();
  assertEquals((await frames(watcher)).sort(), ["a 1", "beat"]);
  watcher.close();
});

Deno.test("LiveHub sends a problem instead of a frame that is too large", async () => {
  const rig = new Rig(10);
  rig.answers.a = () => Promise.resolve('"12345678"');
  rig.answers.b = () => Promise.resolve('"123456789"');
  const watcher = rig.hub.watch(["a", "b"]);
  assertEquals(await frames(watcher), [
    "beat",
    'a "12345678"',
    'problem {"topic":"b","detail":"Cannot send b: expected at most 10 characters: ' +
    'current value is 11"}',
  ]);
  watcher.close();
});

Deno.test("LiveHub: a slow reader gets the latest state of each topic, not all of them", async () => {
  const rig = new Rig();
  const [slow, fast] = [rig.hub.watch(["a", "b"]), rig.hub.watch(["a", "b"])];
  await frames(slow);
  let n = 0;
  rig.answers.a = () => Promise.resolve(String(++n));
  const seen: string[] = [];
  for (let i = 0; i < 100; i++) {
    await rig.second();
    seen.push(...await frames(fast));
  }
  assertEquals(seen.filter((frame) => frame.startsWith("a ")).length, 100);
  assertEquals((await frames(slow)).sort(), ["a 100", "beat"]);
  for (const watcher of [slow, fast]) watcher.close();
});

Deno.test("LiveHub: beats do not keep a reader of a frame every two seconds from its topics", async () => {
  const rig = new Rig();
  const watcher = rig.hub.watch(["a", "b"]);
  await frames(watcher);
  let n = 0;
  rig.answers.a = rig.answers.b = () => Promise.resolve(String(++n));
  const events = new Map<string, number>();
  for (let i = 0; i < 30; i++) {
    await rig.second(2);
    const text = decoder.decode(await watcher.next(OPEN) ?? new Uint8Array());
    const event = /^event: (.*)/.exec(text)?.[1] ?? "";
    events.set(event, (events.get(event) ?? 0) + 1);
  }
  assertEquals([...events].sort(), [["a", 10], ["b", 10], ["beat", 10]]);
  watcher.close();
});

Deno.test("LiveHub sends lines once and in order, in frames of a bounded number", async () => {
  const rig = new Rig();
  rig.lines = ["1", "2"];
  const watcher = rig.hub.watch(["log"]);
  assertEquals(await frames(watcher), ["beat", 'log ["1","2"]']);
  rig.lines.push("3", "4", "5", "6", "7");
  // Not before the next tick: at most one frame a second, unless it is too long for one.
  assertEquals(await frames(watcher), []);
  const late = rig.hub.watch(["log"]);
  await rig.second();
  const found = (await frames(watcher)).filter((frame) => frame !== "beat");
  assertEquals(found, ['log ["3","4","5"]', 'log ["6","7"]']);
  assertEquals((await frames(late)).filter((frame) => frame !== "beat"), [
    'log ["1","2","3"]',
    'log ["4","5","6"]',
    'log ["7"]',
  ]);
  await rig.second(3);
  assertEquals(await frames(watcher), ["beat"]);
  for (const one of [watcher, late]) one.close();
});

Deno.test("LiveHub begins lines with a frame though there is none yet", async () => {
  const rig = new Rig();
  const watcher = rig.hub.watch(["log"]);
  assertEquals(await frames(watcher), ["beat", "log []"]);
  rig.lines.push("1");
  await rig.second();
  assertEquals((await frames(watcher)).sort(), ["beat", 'log ["1"]']);
  watcher.close();
});

Deno.test("liveStream() ends by its signal, and leaves neither watcher nor timer", async () => {
  const rig = new Rig();
  const stop = new AbortController();
  const chunks = liveStream(rig.hub.watch(["a"]), stop.signal);
  await chunks.next();
  await chunks.next();
  const last = chunks.next();
  await settle();
  stop.abort();
  assertEquals((await last).done, true);
  assertEquals([rig.hub.watchers, rig.clock.nextTimerAt()], [0, Infinity]);
});
