import {
  child,
  type ChildSpec,
  LateError,
  RESTART_ERROR_CHARS_MAX,
  RESTART_PATHS_MAX,
  RestartHistory,
  type RestartRecord,
  RESTARTS_KEPT,
  RESTARTS_KEPT_PER_PATH,
  seededRandom,
  type SupervisorSpec,
} from "../../src/actor/mod.ts";
import { assertEquals, assertStringIncludes } from "@std/assert";
import { seedOf } from "./seed.ts";
import { Harness, Journal, settle } from "./support.ts";

const AT = 1_000;

/** A history with one restart of each path, in this order. */
function historyOf(paths: readonly string[]): RestartHistory {
  const history = new RestartHistory();
  for (const path of paths) {
    history.note({ at: AT, path, event: "restarted", incarnation: 1, cause: "failure" });
  }
  return history;
}

const idsOf = (records: readonly RestartRecord[]) => records.map(({ id }) => id);

// ---- the ring -------------------------------------------------------------------------------------

Deno.test("RestartHistory.list() gives the latest first, up to the limit", () => {
  const history = historyOf(["/a", "/b", "/a"]);
  assertEquals(idsOf(history.list()), [3, 2, 1]);
  assertEquals(idsOf(history.list({ limit: 2 })), [3, 2]);
});

Deno.test("RestartHistory.list() finds those of a path, and with `below` what is under it", () => {
  const history = historyOf(["/a", "/a/x", "/ab", "/a/x/y", "/a"]);
  assertEquals(idsOf(history.list({ path: "/a" })), [5, 1]);
  assertEquals(idsOf(history.list({ path: "/a", below: true })), [5, 4, 2, 1]);
  assertEquals(history.list({ path: "/none", below: true }), []);
});

Deno.test("RestartHistory keeps the past of a path while another restarts all the time", () => {
  const storm = Array.from({ length: RESTARTS_KEPT + 10 }, () => "/storm");
  const history = historyOf(["/quiet", ...storm]);
  assertEquals(idsOf(history.list({ path: "/quiet" })), [1]);
  assertEquals(history.list({ path: "/storm" }).length, RESTARTS_KEPT_PER_PATH);
  assertEquals(history.list().length, RESTARTS_KEPT);
  assertEquals([history.total, history.kept], [RESTARTS_KEPT + 11, RESTARTS_KEPT]);
});

Deno.test("RestartHistory forgets the path without news for the longest", () => {
  const others = Array.from({ length: RESTART_PATHS_MAX - 1 }, (_, i) => `/p${i}`);
  const history = historyOf(["/old", "/older", "/old", ...others]);
  assertEquals(history.list({ path: "/older" }), []);
  assertEquals(idsOf(history.list({ path: "/old" })), [3, 1]);
});

Deno.test("RestartHistory answers as a list of everything that is cut", () => {
  const seed = seedOf("restart history");
  const random = seededRandom(seed);
  const history = new RestartHistory();
  const all: { id: number; path: string }[] = [];
  const pick = (count: number) => Math.floor(random.next() * count);
  for (let id = 1; id <= 3_000; id++) {
    const path = `/p${pick(4)}${pick(2) === 0 ? "" : "/c"}`;
    all.unshift({ id, path });
    history.note({ at: id, path, event: "ended", incarnation: 1, cause: "exit" });
    if (id % 100 !== 0) continue;
    const kept = all.slice(0, RESTARTS_KEPT);
    assertEquals(idsOf(history.list()), kept.map((one) => one.id));
    const own = all.filter((one) => one.path === path).slice(0, RESTARTS_KEPT_PER_PATH);
    assertEquals(idsOf(history.list({ path })), own.map((one) => one.id));
  }
});

Deno.test("a noted restart is settled once, with the time that it took", () => {
  const history = new RestartHistory();
  const what = { path: "/a", event: "restarted", incarnation: 2, cause: "request" } as const;
  const noted = history.note({ ...what, at: 1_000 });
  assertEquals(history.list()[0]?.outcome, "under_way");
  noted.settle("up", 1_250);
  noted.settle("failed", 9_000);
  const [{ outcome, tookMs } = {}] = history.list();
  assertEquals({ outcome, tookMs }, { outcome: "up", tookMs: 250 });
});

Deno.test("RestartHistory makes the text of a late error when somebody looks, and cuts it", () => {
  const history = new RestartHistory();
  let made = 0;
  const failure = new LateError(() => {
    made++;
    return new Error("x".repeat(RESTART_ERROR_CHARS_MAX + 100));
  });
  const what = { at: AT, path: "/a", event: "gave_up", incarnation: 1, cause: "failure" } as const;
  history.note({ ...what, failure });
  assertEquals(made, 0);
  assertEquals(history.list()[0]?.error?.length, RESTART_ERROR_CHARS_MAX);
});

Deno.test("RestartHistory.subscribe() tells of each record until it is ended", () => {
  const history = new RestartHistory();
  const told: number[] = [];
  const end = history.subscribe(({ id }) => told.push(id));
  const what = { at: AT, path: "/a", event: "ended", incarnation: 1, cause: "exit" } as const;
  history.note(what);
  end();
  history.note(what);
  assertEquals(told, [1]);
});

// ---- what supervisors note ------------------------------------------------------------------------

/** Children a, b and c in a supervisor `s`. */
function abc(
  journal: Journal,
  options: Omit<SupervisorSpec, "name" | "children"> = {},
  restart: Readonly<Record<string, "transient" | "temporary">> = {},
) {
  const children = ["a", "b", "c"].map((name): ChildSpec =>
    child(journal.actor, {
      name,
      args: {},
      ...(restart[name] === undefined ? {} : { restart: restart[name] }),
    })
  );
  return { intensity: 5, children: [{ name: "s", intensity: 5, ...options, children }] };
}

async function tell(harness: Harness, journal: Journal, path: string, type: "crash" | "leave") {
  const ref = harness.system.ref(journal.actor.protocol, path);
  if (type === "crash") ref.tell("crash", "boom");
  else ref.tell("leave", "normal");
  await settle();
}

/** The history, oldest first: `a1 restarted failure`, with whose account it was where it has one. */
function linesOf(harness: Harness): string[] {
  return harness.system.restarts.list().reverse().map((record) => {
    const { path, incarnation, event, cause, by, outcome } = record;
    const short = (text: string) => text.replace("/wick/", "");
    const whose = by === null ? "" : ` ${short(by)}`;
    return `${short(path)} ${incarnation} ${event} ${cause}${whose} ${outcome ?? "-"}`;
  });
}

Deno.test("a crash is noted with its error, its time and its incarnation", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal));
  await harness.advance(5_000);
  await tell(harness, journal, "s/b", "crash");
  const at = harness.clock.wallNow();
  assertEquals(harness.system.restarts.list(), [{
    id: 1,
    at,
    path: "/wick/s/b",
    event: "restarted",
    incarnation: 1,
    cause: "failure",
    by: null,
    error: "boom",
    outcome: "up",
    tookMs: 0,
  }]);
});

Deno.test("an actor that ends by itself is noted as such", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal, {}, { b: "transient" }));
  await tell(harness, journal, "s/a", "leave");
  await tell(harness, journal, "s/b", "leave");
  assertEquals(linesOf(harness), ["s/a 1 restarted exit up", "s/b 1 ended exit -"]);
});

Deno.test("rest_for_one notes the siblings it takes along, and who failed", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal, { strategy: "rest_for_one" }));
  await tell(harness, journal, "s/b", "crash");
  assertEquals(linesOf(harness), [
    "s/b 1 restarted failure up",
    "s/c 1 restarted sibling s/b up",
  ]);
});

Deno.test("one_for_all notes a temporary sibling as ended", async () => {
  const journal = new Journal();
  const parts = { c: "temporary" } as const;
  await using harness = new Harness(abc(journal, { strategy: "one_for_all" }, parts));
  await tell(harness, journal, "s/b", "crash");
  assertEquals(linesOf(harness), [
    "s/b 1 restarted failure up",
    "s/a 1 restarted sibling s/b up",
    "s/c 1 ended sibling s/b -",
  ]);
});

Deno.test("a sibling that had failed too is noted with its own error", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal, { strategy: "one_for_all" }));
  harness.system.ref(journal.actor.protocol, "s/b").tell("crash", "boom");
  harness.system.ref(journal.actor.protocol, "s/c").tell("crash", "bang");
  await settle();
  assertEquals(
    harness.system.restarts.list().reverse().map(({ path, cause, error }) => [path, cause, error]),
    [
      ["/wick/s/b", "failure", "boom"],
      ["/wick/s/a", "sibling", null],
      ["/wick/s/c", "failure", "bang"],
    ],
  );
});

Deno.test("restart() and stopAt() are noted as asked for", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal));
  harness.system.restart("/wick/s/a");
  await settle();
  await harness.system.stopAt("/wick/s/b");
  assertEquals(linesOf(harness), ["s/a 1 restarted request up", "s/b 1 ended request -"]);
});

Deno.test("stopping a supervisor is noted for what is below it too", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal));
  await harness.system.stopAt("/wick/s");
  assertEquals(linesOf(harness), [
    "s 1 ended request -",
    "s/a 1 ended parent s -",
    "s/b 1 ended parent s -",
    "s/c 1 ended parent s -",
  ]);
});

Deno.test("giving up is noted with its child, and the restart of the supervisor with all", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal, { intensity: 0 }));
  await tell(harness, journal, "s/b", "crash");
  assertEquals(linesOf(harness), [
    "s/b 1 ended failure -",
    "s 1 gave_up failure s/b -",
    "s 1 restarted failure up",
    "s/a 1 restarted parent s up",
    "s/b 1 restarted parent s up",
    "s/c 1 restarted parent s up",
  ]);
  const [restarted] = harness.system.restarts.list({ path: "/wick/s" });
  assertStringIncludes(restarted?.error ?? "", "Cannot restart /wick/s/b again");
});

Deno.test("a restart under backoff is under way until its pause is over", async () => {
  const journal = new Journal();
  const backoff = { minMs: 400, maxMs: 400, jitter: 0 };
  await using harness = new Harness(abc(journal, { backoff }));
  await tell(harness, journal, "s/b", "crash");
  assertEquals(linesOf(harness), ["s/b 1 restarted failure under_way"]);
  await harness.advance(400);
  assertEquals(linesOf(harness), ["s/b 1 restarted failure up"]);
  assertEquals(harness.system.restarts.list()[0]?.tookMs, 400);
});

Deno.test("an init that fails at a restart is a restart that failed, and another", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal));
  journal.failInit = (name, incarnation) => name === "b" && incarnation === 2;
  await tell(harness, journal, "s/b", "crash");
  assertEquals(linesOf(harness), [
    "s/b 1 restarted failure failed",
    "s/b 2 restarted failure up",
  ]);
  assertEquals(
    harness.system.restarts.list().map(({ error }) => error),
    ["init of b fails", "boom"],
  );
});

Deno.test("the end of the whole system is no news of the history", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal));
  await harness.system.stop();
  assertEquals(harness.system.restarts.total, 0);
});

Deno.test("tree() tells when a node was last restarted", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal));
  await harness.advance(5_000);
  await tell(harness, journal, "s/b", "crash");
  const [s] = harness.system.tree().children;
  assertEquals(
    s?.children.map(({ restartedAt }) => restartedAt),
    [null, harness.clock.wallNow(), null],
  );
});
