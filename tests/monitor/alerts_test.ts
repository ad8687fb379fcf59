import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import {
  type AlertEvent,
  alertId,
  type AlertReading,
  boundedLabels,
  EVENT_ALERTS_MAX,
} from "../../src/monitor/alert.ts";
import { Causes } from "../../src/monitor/alert_causes.ts";
import type { BookOptions } from "../../src/monitor/alert_book.ts";
import { AlertBook } from "../../src/monitor/alerts.ts";
import { LABEL_CHARS_MAX } from "../../src/monitor/metric_spec.ts";

const SECOND = 1_000, MINUTE = 60 * SECOND;
/** Epoch of the tests' monotonic 0. */
const EPOCH = 1_800_000_000_000;

function reading(over: Partial<AlertReading> = {}): AlertReading {
  return {
    rule: "queue",
    type: "performance",
    severity: "ticket",
    actor: "core/a",
    labels: {},
    phase: "firing",
    value: 1,
    summary: "is slow",
    runbook: "look",
    ...over,
  };
}

/** One line for an event: `fired queue core/a`. */
function line(event: AlertEvent): string {
  if (event.type === "suppressed") {
    return `suppressed ${event.reason} ${event.alert.rule} ${event.alert.actor}`;
  }
  if (event.type === "acknowledged") return `acknowledged ${event.alert.actor}`;
  return `${event.type} ${event.rule} ${event.alerts.map(({ actor }) => actor).join("+")}`;
}

class Rig {
  readonly book: AlertBook;
  nowMs = 0;

  constructor(options: BookOptions = {}) {
    this.book = new AlertBook({ groupMs: 0, ...options });
  }

  /** A look `afterMs` after the last one. */
  take(afterMs: number, ...readings: AlertReading[]): string[] {
    this.nowMs += afterMs;
    return this.book.take(readings, this.nowMs, EPOCH + this.nowMs).map(line);
  }
}

const clear = (over: Partial<AlertReading> = {}) => reading({ ...over, phase: "clear" });
const pending = (over: Partial<AlertReading> = {}) => reading({ ...over, phase: "pending" });

Deno.test("AlertBook: pending is shown, firing is told once, resolved is told and kept", () => {
  const rig = new Rig();
  assertEquals(rig.take(0, pending()), []);
  assertEquals(rig.book.active().map(({ state }) => state), ["pending"]);
  assertEquals(rig.take(5 * SECOND, reading()), ["fired queue core/a"]);
  assertEquals(rig.take(5 * SECOND, reading()), []);
  assertEquals(rig.take(5 * SECOND, clear()), ["resolved queue core/a"]);
  assertEquals(rig.book.active(), []);
  const [past] = rig.book.past();
  assertEquals(
    [past?.startedAt, past?.firedAt, past?.resolvedAt].map((at) => (at ?? 0) - EPOCH),
    [0, 5 * SECOND, 15 * SECOND],
  );
});

Deno.test("AlertBook: what was only pending leaves no trace", () => {
  const rig = new Rig();
  rig.take(0, pending());
  assertEquals(rig.take(SECOND, clear()), []);
  assertEquals(rig.book.past(), []);
  assertEquals(rig.book.snapshot(0).held, []);
});

Deno.test("AlertBook: one that comes and goes is told once in five minutes", () => {
  const rig = new Rig();
  const told: string[] = [];
  for (let i = 0; i < 120; i++) {
    told.push(...rig.take(5 * SECOND, i % 2 === 0 ? reading() : clear()));
  }
  // Ten minutes: at the first look and five minutes after, each with its end; looks in between are
  // held back, each time that it fires.
  assertEquals(told.filter((text) => text.startsWith("fired")).length, 2);
  assertEquals(told.filter((text) => text.startsWith("resolved")).length, 2);
  assertEquals(told.filter((text) => text.startsWith("suppressed cooldown")).length, 58);
});

Deno.test("AlertBook: one that still fires at the end of its cooldown is told then", () => {
  const rig = new Rig();
  rig.take(0, reading());
  rig.take(10 * SECOND, clear());
  assertEquals(rig.take(10 * SECOND, reading()), ["suppressed cooldown queue core/a"]);
  assertEquals(rig.take(279 * SECOND, reading()), []);
  assertEquals(rig.take(SECOND, reading()), ["fired queue core/a"]);
});

Deno.test("AlertBook: identities differ by rule, actor and labels, not by the order of these", () => {
  const ids = [
    alertId("a", "x", {}),
    alertId("b", "x", {}),
    alertId("a", "y", {}),
    alertId("a", "x", { feed: "1" }),
    alertId("a", "x", { feed: "1", kind: "2" }),
  ];
  assertEquals(new Set(ids).size, ids.length);
  assertEquals(alertId("a", "x", { kind: "2", feed: "1" }), ids[4]);
  for (const id of ids) assert(/^[ab]-[0-9a-f]{16}$/.test(id), id);
});

Deno.test("alertId() of 200,000 similar alerts are all different", () => {
  const ids = new Set<string>();
  for (let i = 0; i < 200_000; i++) ids.add(alertId("r", `core/shard-${i}`, { n: String(i % 7) }));
  assertEquals(ids.size, 200_000);
});

Deno.test("AlertBook groups what fires together, pages first, and counts beyond the list", () => {
  const rig = new Rig();
  const many = Array.from({ length: 30 }, (_, i) => reading({ actor: `core/${i}` }));
  rig.nowMs = 1;
  const events = rig.book.take([...many, reading({ rule: "down", severity: "page" })], 1, EPOCH);
  assertEquals(
    events.map((event) => event.type === "fired" ? [event.rule, event.count] : null),
    [["down", 1], ["queue", 30]],
  );
  const [, queue] = events;
  assertEquals(queue?.type === "fired" && queue.alerts.length, EVENT_ALERTS_MAX);
});

Deno.test("AlertBook holds those of a rule that was just told together for half a minute", () => {
  const rig = new Rig({ groupMs: 30 * SECOND });
  const a = reading(), b = reading({ actor: "core/b" }), c = reading({ actor: "core/c" });
  assertEquals(rig.take(0, a), ["fired queue core/a"]);
  assertEquals(rig.take(5 * SECOND, a, b), ["suppressed group queue core/b"]);
  assertEquals(rig.take(5 * SECOND, a, b, c), ["suppressed group queue core/c"]);
  assertEquals(rig.take(20 * SECOND, a, b, c), ["fired queue core/b+core/c"]);
});

const STORE_DOWN = reading({
  rule: "store_down",
  actor: "core/store",
  severity: "page",
  isCause: true,
});
const FEED = reading({ rule: "feed", actor: "core/work/ingest/feeds/x", severity: "page" });

Deno.test("AlertBook: a dead store mutes its children, in the same look too", () => {
  const rig = new Rig();
  assertEquals(rig.take(0, FEED, STORE_DOWN), [
    "suppressed cause feed core/work/ingest/feeds/x",
    "fired store_down core/store",
  ]);
  const muted = rig.book.active().find(({ rule }) => rule === "feed");
  assertEquals(muted?.mutedBy, alertId("store_down", "core/store", {}));
  assertEquals(rig.take(5 * SECOND, FEED, STORE_DOWN), []);
  // Both end: only what was told is told to end.
  assertEquals(rig.take(5 * SECOND, clear(FEED), clear(STORE_DOWN)).length, 1);
});

Deno.test("AlertBook: what a cause muted is told a minute after its end, if it still fires", () => {
  const rig = new Rig();
  rig.take(0, FEED, STORE_DOWN);
  const gone = { ...STORE_DOWN, phase: "clear" } as const;
  assertEquals(rig.take(5 * SECOND, FEED, gone), ["resolved store_down core/store"]);
  assertEquals(rig.take(59 * SECOND, FEED, gone), []);
  assertEquals(rig.take(SECOND, FEED, gone), ["fired feed core/work/ingest/feeds/x"]);
});

Deno.test("AlertBook: a cause mutes neither what is worse than it, nor what is elsewhere", () => {
  const rig = new Rig();
  const cause = { ...STORE_DOWN, severity: "ticket" } as const;
  const service = reading({ rule: "slo", actor: "", severity: "page" });
  assertEquals(rig.take(0, cause, FEED), [
    "fired feed core/work/ingest/feeds/x",
    "fired store_down core/store",
  ]);
  assertEquals(new Rig().take(0, STORE_DOWN, service), [
    "fired store_down core/store",
    "fired slo ",
  ]);
});

Deno.test("Causes: the components above by path and by the tree of causes, nearest first", () => {
  const causes = new Causes({
    name: "core/store",
    explains: [{ name: "core/work/pool", explains: [{ name: "core/work/feeds" }] }],
  });
  assertEquals(causes.of("core/work/feeds/x"), [
    "core/work/feeds",
    "core/work/pool",
    "core/work",
    "core/store",
    "core",
  ]);
  assertEquals(causes.of("core/store"), ["core"]);
  assertEquals(causes.of(""), []);
  assertThrows(
    () => new Causes({ name: "a", explains: [{ name: "a" }] }),
    RangeError,
    "each component once",
  );
});

Deno.test("AlertBook.acknowledge() is told once, ends with the alert, and knows only what fires", () => {
  const rig = new Rig();
  rig.take(0, reading());
  const [alert] = rig.book.active();
  const id = alert?.id ?? "";
  const first = rig.book.acknowledge(id, "ann", EPOCH + 1, "on it");
  assertEquals(first.state === "acknowledged" && line(first.event), "acknowledged core/a");
  assertEquals(rig.book.active()[0]?.acknowledged, { by: "ann", at: EPOCH + 1, note: "on it" });
  assertEquals(rig.book.acknowledge(id, "bob", EPOCH + 2).state, "known");
  assertEquals(rig.book.acknowledge("queue-0", "bob", EPOCH).state, "unknown");
  rig.take(MINUTE, clear());
  assertEquals(rig.book.acknowledge(id, "bob", EPOCH).state, "unknown");
  // Long after, it is another one.
  rig.take(10 * MINUTE);
  rig.take(MINUTE, reading());
  assertEquals(rig.book.active()[0]?.acknowledged, null);
});

Deno.test("AlertBook resolves what no rule speaks of any more, after five minutes", () => {
  const rig = new Rig();
  rig.take(0, reading());
  assertEquals(rig.take(5 * MINUTE), []);
  assertEquals(rig.take(1), ["resolved queue core/a"]);
});

Deno.test("AlertBook: a stuck clock and one that jumps back let nothing pass", () => {
  const rig = new Rig();
  rig.nowMs = MINUTE;
  rig.take(0, reading());
  rig.take(0, clear());
  for (let i = 0; i < 100; i++) {
    const expected = i === 0 ? ["suppressed cooldown queue core/a"] : [];
    assertEquals(rig.take(0, reading()), expected);
  }
  assertEquals(rig.take(-MINUTE, reading()), []);
  // Only time beyond the latest counts.
  assertEquals(rig.take(5 * MINUTE, reading()), []);
  assertEquals(rig.take(MINUTE, reading()), ["fired queue core/a"]);
});

Deno.test("AlertBook: a jump forward ends cooldowns, and what is spoken of lives on", () => {
  const rig = new Rig();
  rig.take(0, reading());
  assertEquals(rig.take(365 * 86_400 * SECOND, reading()), []);
  assertEquals(rig.book.active().length, 1);
});

Deno.test("AlertBook.restore(): what fired is not told again, and its cooldown goes on", () => {
  const rig = new Rig();
  const b = reading({ actor: "core/b" });
  rig.take(0, reading(), b, STORE_DOWN);
  rig.take(MINUTE, reading(), clear({ actor: "core/b" }), STORE_DOWN);
  const state = JSON.parse(JSON.stringify(rig.book.snapshot(EPOCH + MINUTE)));
  const book = new AlertBook({ groupMs: 0 });
  // A minute later by the wall, in a process whose clock begins at 7.
  book.restore(state, 7, EPOCH + 2 * MINUTE);
  assertEquals(book.active().length, 2);
  assertEquals(book.past(), rig.book.past());
  const take = (nowMs: number) =>
    book.take([reading(), b, STORE_DOWN], nowMs, EPOCH + 2 * MINUTE + nowMs).map(line);
  assertEquals(take(8), ["suppressed cooldown queue core/b"]);
  assertEquals(take(7 + 3 * MINUTE - 1), []);
  assertEquals(take(7 + 3 * MINUTE), ["fired queue core/b"]);
  assertThrows(() => book.restore(state, 0, 0), RangeError, "an empty book");
  assertThrows(
    () => new AlertBook().restore({ ...state, version: 2 }, 0, 0),
    RangeError,
    "expected version 1",
  );
});

Deno.test("AlertBook: 10,000 identities are bounded, in memory, history and time", () => {
  const rig = new Rig({ alertsMax: 500, historyMax: 100 });
  const all = Array.from({ length: 10_000 }, (_, i) => reading({ actor: `core/${i}` }));
  const startMs = performance.now();
  for (let i = 0; i < 20; i++) rig.take(5 * SECOND, ...all);
  assertEquals(rig.book.counts.firing, 500);
  assertEquals(rig.book.counts.refused, 20 * 9_500);
  for (let i = 0; i < 3; i++) {
    rig.take(10 * MINUTE, ...all.map((each) => ({ ...each, phase: "clear" as const })));
  }
  assertEquals(rig.book.past().length, 100);
  assertEquals(rig.book.snapshot(0).held, []);
  // 230,000 readings: some µs each.
  assert(performance.now() - startMs < 10_000);
});

Deno.test("AlertBook that is full gives the place of a ticket to a page, of none to a ticket", () => {
  const rig = new Rig({ alertsMax: 2 });
  rig.take(0, reading({ actor: "1" }), reading({ actor: "2", severity: "page" }));
  rig.take(SECOND, reading({ actor: "3" }));
  assertEquals(rig.book.active().map(({ actor }) => actor), ["2", "1"]);
  rig.take(SECOND, reading({ actor: "4", severity: "page" }));
  assertEquals(rig.book.active().map(({ actor }) => actor), ["2", "4"]);
  rig.take(SECOND, reading({ actor: "5", severity: "page" }));
  assertEquals(rig.book.active().map(({ actor }) => actor), ["2", "4"]);
});

Deno.test("boundedLabels() cuts what is long or many, so that an identity is bounded", () => {
  const long = "x".repeat(1_000);
  const labels = boundedLabels({ e: "5", a: long, b: "2", c: "3", d: "4" });
  assertEquals(Object.keys(labels), ["a", "b", "c", "d"]);
  assertEquals(labels["a"]?.length, LABEL_CHARS_MAX);
});

Deno.test("AlertBook keeps its word over random lives: told once, ended once, never while muted", () => {
  const seed = 4_711;
  console.log(`seed ${seed}`);
  const random = seededRandom(seed);
  const book = new AlertBook({ causes: new Causes(null) });
  const phases = new Map<string, AlertReading["phase"]>();
  const told = new Map<string, { isOpen: boolean; firedMs: number }>();
  const actors = ["core", "core/a", "core/a/x", "core/b"];
  for (let nowMs = 0; nowMs < 6 * 3_600 * SECOND; nowMs += 5 * SECOND) {
    const readings = actors.map((actor) => {
      if (random.next() < 0.02) {
        const to = (["clear", "pending", "firing"] as const)[Math.floor(random.next() * 3)];
        phases.set(actor, to ?? "clear");
      }
      return reading({ actor, phase: phases.get(actor) ?? "clear", isCause: actor === "core/a" });
    });
    for (const event of book.take(readings, nowMs, EPOCH + nowMs)) {
      if (event.type !== "fired" && event.type !== "resolved") continue;
      for (const { id, actor, mutedBy } of event.alerts) {
        const before = told.get(id) ?? { isOpen: false, firedMs: -Infinity };
        assertEquals(before.isOpen, event.type === "resolved", `${actor} at ${nowMs}`);
        if (event.type === "fired") {
          assert(nowMs - before.firedMs >= 5 * MINUTE);
          assert(actor !== "core/a/x" || phases.get("core/a") !== "firing");
          assertEquals(mutedBy, null);
        }
        const firedMs = event.type === "fired" ? nowMs : before.firedMs;
        told.set(id, { isOpen: event.type === "fired", firedMs });
      }
    }
  }
  assertNotEquals(told.size, 0);
});
