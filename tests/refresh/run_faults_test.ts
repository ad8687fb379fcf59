import { assert, assertEquals } from "@std/assert";
import type { FallbackReason } from "../../src/refresh/fallback.ts";
import type { RunOptions } from "../../src/refresh/run_types.ts";
import { RunRig } from "./run_rig.ts";

/** Faults that only a partial refresh has, the words for them, and the reason they are given. */
const FAULTS: readonly {
  readonly name: string;
  readonly reason: FallbackReason;
  readonly options?: Partial<RunOptions>;
  /** Breaks the rig; returns how to mend it. */
  readonly inject: (rig: RunRig) => () => void;
}[] = [
  {
    name: "an evaluation that throws at its first slice",
    reason: "error",
    inject: (rig) => {
      rig.engine.faults.onStep = (kind, step) => {
        if (kind === "partial" && step === 0) throw new Error("index");
      };
      return () => rig.engine.faults = {};
    },
  },
  {
    name: "an evaluation that throws at a later slice",
    reason: "error",
    inject: (rig) => {
      rig.engine.faults.onStep = (kind, step) => {
        if (kind === "partial" && step === 1) throw new Error("index");
      };
      return () => rig.engine.faults = {};
    },
  },
  {
    name: "a scorer that throws once",
    reason: "scorer",
    inject: (rig) => {
      const { scorer } = rig.engine;
      rig.engine.scorer = (values, setId, kind) => {
        if (kind === "partial") throw new Error("scorer");
        return scorer(values, setId, kind);
      };
      return () => rig.engine.scorer = scorer;
    },
  },
  {
    name: "a best set that is not one by its score",
    reason: "invariant",
    inject: (rig) => {
      rig.engine.faults.onOutcome = (kind, outcome) =>
        kind === "full" || outcome.best === null
          ? outcome
          : { ...outcome, best: { ...outcome.best, score: outcome.best.score + 1 } };
      return () => rig.engine.faults = {};
    },
  },
  {
    name: "a score that is no number",
    reason: "invariant",
    inject: (rig) => {
      rig.engine.faults.onOutcome = (kind, outcome) =>
        kind === "full" ? outcome : { ...outcome, best: { setId: "ab", score: NaN } };
      return () => rig.engine.faults = {};
    },
  },
  {
    name: "sets that were left out",
    reason: "invariant",
    inject: (rig) => {
      rig.engine.faults.onOutcome = (kind, outcome) =>
        kind === "full" ? outcome : { ...outcome, evaluated: 0, changed: 0, unchanged: 0 };
      return () => rig.engine.faults = {};
    },
  },
  {
    name: "a result of another revision",
    reason: "invariant",
    inject: (rig) => {
      rig.engine.faults.onOutcome = (kind, outcome) =>
        kind === "full" ? outcome : { ...outcome, revision: outcome.revision - 1 };
      return () => rig.engine.faults = {};
    },
  },
  {
    name: "a best score that cannot be so low",
    reason: "degraded",
    inject: (rig) => {
      rig.engine.faults.onOutcome = (kind, outcome) =>
        kind === "full" ? outcome : { ...outcome, best: { setId: "ef", score: 1 } };
      return () => rig.engine.faults = {};
    },
  },
  {
    name: "a best set that got lost",
    reason: "invariant",
    inject: (rig) => {
      rig.engine.faults.onOutcome = (kind, outcome) =>
        kind === "full" ? outcome : { ...outcome, best: null };
      return () => rig.engine.faults = {};
    },
  },
];

for (const { name, reason, inject, options } of FAULTS) {
  Deno.test(`OptimisationRun.step() falls back to a rebuild on ${name}`, () => {
    const rig = RunRig.small(options);
    rig.set({ a: 2, c: 1.5 }).refresh();
    rig.told();
    const mend = inject(rig);
    // Both sets that hold a are dirty: ab 2 → 3, af 2 → 3; cd stays 1.5.
    const report = rig.set({ a: 3 }).refresh();
    assertEquals([report.state, report.kind, report.fallback], ["succeeded", "full", reason]);
    assertEquals(rig.published, ["ab", 3]);
    assert(rig.events.some((event) => event.type === "fallback"));
    const { fallbacksBy, counters, staleReasons, failuresInRow } = rig.run.metadata(rig.nowMs);
    assertEquals([fallbacksBy[reason], counters.fallbacks], [1, 1]);
    assertEquals([staleReasons, failuresInRow], [[], 0]);
    mend();
    const after = rig.set({ a: 4 }).refresh();
    assertEquals([after.kind, after.fallback], ["partial", null]);
    assertEquals(rig.published, ["ab", 4]);
  });

  Deno.test(`OptimisationRun.step() reports ${name} when no rebuild is wanted, and rebuilds next`, () => {
    const rig = RunRig.small(options);
    rig.set({ a: 2, c: 1.5 }).refresh();
    inject(rig);
    const report = rig.set({ a: 3 }).refresh({ onFailure: "report" });
    assertEquals([report.state, report.fault?.reason], ["failed", reason]);
    assertEquals(rig.published, ["ab", 2]);
    assertEquals(rig.run.metadata(rig.nowMs).failuresInRow, 1);
    const next = rig.refresh();
    assertEquals([next.state, next.kind, next.why], ["succeeded", "full", "untrusted"]);
    assertEquals(rig.published, ["ab", 3]);
  });
}

Deno.test("OptimisationRun.step() falls back on a timeout at each slice", () => {
  // Three sets are dirty: a timeout after the third finds the work done, and takes it.
  for (const slice of [0, 1, 2]) {
    const rig = RunRig.small({ partialTimeoutMs: 10 });
    rig.refresh();
    rig.engine.faults.onStep = (kind, step) => {
      if (kind === "partial" && step === slice) rig.busyMs += 11;
    };
    const report = rig.set({ a: 3, e: 2 }).refresh();
    const isLast = slice === 2;
    assertEquals(report.fallback, isLast ? null : "timeout", `slice ${slice}`);
    assertEquals([report.state, rig.published], ["succeeded", ["ab", 3]]);
  }
});

Deno.test("OptimisationRun.step() counts only time at work for a timeout", () => {
  const rig = RunRig.small({ partialTimeoutMs: 10 });
  rig.refresh();
  rig.set({ a: 3 }).run.begin();
  rig.run.step(1, rig.nowMs);
  rig.busyMs += 60_000;
  assertEquals(rig.finish().fallback, null);
});

Deno.test("OptimisationRun.step() falls back on a check that throws, and fails if it still does", () => {
  let isBroken = false;
  const rig = RunRig.small({
    check: () => {
      if (isBroken) throw new Error("broken");
    },
  });
  rig.refresh();
  isBroken = true;
  const report = rig.set({ a: 3 }).refresh();
  assertEquals([report.state, report.fallback, report.fault?.reason], [
    "failed",
    "invariant",
    "invariant",
  ]);
  assertEquals(rig.published, ["ab", 1]);
  isBroken = false;
  assertEquals(rig.refresh().why, "untrusted");
  assertEquals(rig.published, ["ab", 3]);
});

Deno.test("OptimisationRun.step() fails when the rebuild times out, and keeps what is published", () => {
  const rig = RunRig.small({ fullTimeoutMs: 10 });
  rig.refresh();
  rig.engine.faults.onStep = (kind) => {
    if (kind === "partial") throw new Error("index");
    rig.busyMs += 11;
  };
  const report = rig.set({ a: 0.5 }).refresh();
  assertEquals([report.state, report.fallback, report.fault?.reason], [
    "failed",
    "error",
    "timeout",
  ]);
  assertEquals(rig.published, ["ab", 1]);
});

Deno.test("OptimisationRun.begin() rebuilds when values cannot be taken, and tries them again", () => {
  const rig = RunRig.small();
  rig.refresh();
  rig.engine.faults.setValues = new Error("full");
  const report = rig.set({ a: 3 }).refresh();
  assertEquals([report.state, report.kind, report.fallback], ["succeeded", "full", "error"]);
  assertEquals(rig.run.metadata(rig.nowMs).staleReasons, [{ reason: "revision_gap", changes: 1 }]);
  rig.engine.faults = {};
  rig.refresh();
  assertEquals(rig.published, ["ab", 3]);
});

Deno.test("OptimisationRun.begin() rebuilds when what is dirty cannot be told", () => {
  const rig = RunRig.small();
  rig.refresh();
  rig.engine.faults.dirtySets = new Error("bitset");
  const report = rig.set({ a: 3 }).refresh();
  assertEquals([report.state, report.kind, report.fallback], ["succeeded", "full", "error"]);
  assertEquals(rig.published, ["ab", 3]);
});

/** A scorer that throws on one set while `isOn`. */
function poisoned(setId: string) {
  const poison = { isOn: false };
  const rig = RunRig.small({}, (values, id) => {
    if (poison.isOn && id === setId) throw new Error("poison");
    return values.reduce((a, b) => a * b, 1);
  });
  return { rig, poison };
}

Deno.test("OptimisationRun.step() fails when the scorer throws in the rebuild, too: no silent success", () => {
  const { rig, poison } = poisoned("af");
  rig.refresh();
  rig.told();
  poison.isOn = true;
  const report = rig.set({ a: 3, c: 2 }).refresh();
  assertEquals([report.state, report.fallback, report.fault?.reason, report.failedSets], [
    "failed",
    "scorer",
    "scorer",
    1,
  ]);
  // The rest is exact all the same, and better than what was published.
  assertEquals(rig.published, ["ab", 3]);
  const told = rig.told();
  assertEquals(told.filter((type) => type === "set_failed").length, 2);
  assert(told.includes("fallback") && told.includes("failed"));
});

Deno.test("OptimisationRun.step() never lowers what is published when it fails", () => {
  const { rig, poison } = poisoned("ab");
  rig.set({ a: 4, b: 2 }).refresh();
  poison.isOn = true;
  const report = rig.set({ a: 3 }).refresh();
  assertEquals([report.state, report.best?.setId], ["failed", "af"]);
  const { publishedBest } = rig.run.metadata(rig.nowMs);
  assertEquals([publishedBest?.setId, publishedBest?.score], ["ab", 8]);
  assertEquals([publishedBest?.mark, publishedBest?.currentScore], ["unscored", null]);
  // The next one, which finds no set that was not known to fail, does and says so.
  const next = rig.set({ c: 1.5 }).refresh();
  assertEquals([next.state, next.publication?.cause, rig.published], [
    "incomplete",
    "unscored",
    ["af", 3],
  ]);
  assertEquals(rig.run.metadata(rig.nowMs).staleReasons, [{ reason: "sets_failed", sets: 1 }]);
});

Deno.test("OptimisationRun.step() is incomplete, without a rebuild, while sets fail that failed in one", () => {
  const { rig, poison } = poisoned("af");
  rig.refresh();
  poison.isOn = true;
  rig.set({ f: 2 }).refresh();
  rig.told();
  const again = rig.set({ a: 5 }).refresh();
  assertEquals([again.state, again.kind, again.fallback, again.failedSets], [
    "incomplete",
    "partial",
    null,
    1,
  ]);
  assertEquals(rig.published, ["ab", 5]);
  assert(!rig.told().includes("set_failed"));
  assertEquals(rig.run.metadata(rig.nowMs).counters.incomplete, 1);
  // It is tried each time, though its edges did not move.
  poison.isOn = false;
  const mended = rig.set({ c: 2 }).refresh();
  assertEquals([mended.state, mended.failedSets, rig.published], ["succeeded", 0, ["af", 10]]);
  assertEquals(rig.run.metadata(rig.nowMs).staleReasons, []);
  poison.isOn = true;
  assertEquals(rig.set({ a: 6 }).refresh().fallback, "scorer");
});

Deno.test("OptimisationRun.metadata() tells why a run is stale", () => {
  const rig = RunRig.small({ minChangedEdges: 10 });
  const reasons = () => rig.run.metadata(rig.nowMs).staleReasons.map(({ reason }) => reason);
  assertEquals(reasons(), ["never_refreshed", "revision_gap", "structure_changed"]);
  rig.refresh();
  assertEquals(reasons(), []);
  rig.set({ a: 2 });
  assertEquals(reasons(), ["revision_gap"]);
  rig.nowMs += 60_001;
  assertEquals(reasons(), ["revision_gap", "unapplied_change"]);
  rig.refresh();
  rig.nowMs += 3_600_000;
  assertEquals(reasons(), []);
  rig.nowMs += 1;
  assertEquals(reasons(), ["age"]);
  rig.refresh();
  rig.run.changes.removeSet("cd", rig.nowMs);
  assertEquals(reasons(), ["revision_gap", "structure_changed"]);
  rig.refresh();
  rig.engine.faults.onStep = () => {
    throw new Error("index");
  };
  for (const expected of [["revision_gap"], ["revision_gap"], ["revision_gap", "failures"]]) {
    rig.set({ a: rig.nowMs }).refresh();
    assertEquals(reasons(), expected);
  }
  rig.engine.faults = {};
  rig.refresh();
  assertEquals(reasons(), []);
});

Deno.test("OptimisationRun.checkStale() tells once when reasons come, and when the last one goes", () => {
  const rig = RunRig.small();
  const told = () => rig.run.checkStale(rig.nowMs).map(({ type }) => type);
  assertEquals([told(), told()], [["stale"], []]);
  rig.refresh();
  assertEquals([told(), told()], [["fresh"], []]);
  rig.set({ a: 2 });
  assertEquals(told(), ["stale"]);
  rig.nowMs += 60_001;
  assertEquals([told(), told()], [["stale"], []]);
});

Deno.test("OptimisationRun.stepAudit() catches a bug of a scorer that remembers too much", () => {
  const memo = new Map<string, number>();
  // Planted: a partial refresh scores the set cd as it was the first time.
  const rig = RunRig.small({ auditEvery: 1 }, (values, setId, kind) => {
    const now = values.reduce((a, b) => a * b, 1);
    if (setId !== "cd" || kind !== "partial") return now;
    if (!memo.has(setId)) memo.set(setId, 1);
    return memo.get(setId) ?? now;
  });
  rig.refresh();
  assertEquals(rig.set({ c: 9, e: 2 }).refresh().state, "succeeded");
  assertEquals(rig.published, ["ef", 2]);
  rig.told();
  assertEquals(rig.audit(), "mismatch");
  assertEquals(rig.told(), ["audit_failed"]);
  assertEquals([rig.run.isRefreshing, rig.finish().why, rig.published], [true, "audit", ["cd", 9]]);
  assertEquals(rig.run.metadata(rig.nowMs).audits, {
    audits: 1,
    mismatches: 1,
    cutOff: 0,
    every: 1,
  });
});

Deno.test("OptimisationRun.stepAudit() lowers a published score that was wrong, monotonic or not", () => {
  for (const monotonic of [false, true]) {
    // Planted: each way but a rebuild and an audit scores the set cd too high.
    const rig = RunRig.small({ auditEvery: 1, monotonic }, (values, setId, kind) => {
      const isWrong = setId === "cd" && rig.isWrong && kind !== "full" && kind !== "audit";
      return isWrong ? 50 : values.reduce((a, b) => a * b, 1);
    }) as RunRig & { isWrong?: boolean };
    rig.refresh();
    rig.isWrong = true;
    rig.set({ c: 2 }).refresh();
    assertEquals(rig.published, ["cd", 50]);
    rig.isWrong = false;
    assertEquals(rig.audit(), "mismatch");
    assertEquals(rig.finish().publication?.cause, "corrected");
    assertEquals(rig.published, ["cd", 2]);
    assertEquals(rig.run.metadata(rig.nowMs).bestEver?.score, 2);
  }
});

Deno.test("OptimisationRun.stepAudit() catches a set that was forgotten, and a broken structure", () => {
  const rig = RunRig.small({ auditEvery: 1 });
  rig.refresh();
  rig.engine.faults.forgets = (setId) => setId === "cd";
  rig.set({ c: 9 }).refresh();
  assertEquals([rig.audit(), rig.finish().best?.setId], ["mismatch", "cd"]);
  rig.engine.faults = { invariant: new Error("bitset") };
  rig.set({ a: 2 }).refresh();
  assertEquals([rig.audit(), rig.finish().state], ["mismatch", "succeeded"]);
});

Deno.test("OptimisationRun.stepAudit() matches, and a refresh cuts it off", () => {
  const rig = RunRig.small({ auditEvery: 2 });
  rig.refresh();
  assertEquals(rig.audit(), "none");
  rig.set({ a: 2 }).refresh();
  assertEquals(rig.audit(), "none");
  rig.set({ a: 3 }).refresh();
  assertEquals([rig.run.wantsAudit, rig.run.stepAudit(1).state], [true, "more"]);
  rig.told();
  for (let time = 1; time <= 8; time++) {
    rig.set({ a: 3 + time }).refresh();
    assertEquals(rig.told().includes("audit_overdue"), time === 8);
    rig.run.stepAudit(1);
  }
  assertEquals(rig.audit(), "matched");
  const { cutOff, audits, mismatches } = rig.run.metadata(rig.nowMs).audits;
  assertEquals([cutOff, audits, mismatches, rig.run.wantsAudit], [8, 1, 0, false]);
});
