import { assert, assertEquals } from "@std/assert";
import { type Random, seededRandom } from "../../src/actor/clock.ts";
import { EPSILON_DEFAULT } from "../../src/refresh/published.ts";
import type { RefreshReport } from "../../src/refresh/run_types.ts";
import { seedOf } from "../actor/seed.ts";
import { RunRig } from "./run_rig.ts";

const below = (random: Random, bound: number) => Math.floor(random.next() * bound);

const found = ({ best }: RefreshReport) => best === null ? null : [best.setId, best.score] as const;

/** What the inputs should be, kept apart from the engine: the oracle scores all of it. */
class Oracle {
  readonly values = new Map<string, number>();
  readonly sets = new Map<string, readonly string[]>();

  best(): readonly [setId: string, score: number] | null {
    let best: readonly [string, number] | null = null;
    for (const [setId, members] of this.sets) {
      const score = members.reduce((product, id) => product * (this.values.get(id) ?? NaN), 1);
      if (best === null || score > best[1]) best = [setId, score];
    }
    return best;
  }
}

function world(random: Random, edges: number, sets: number, rig: RunRig): Oracle {
  const oracle = new Oracle();
  for (let at = 0; at < edges; at++) {
    const value = 0.5 + below(random, 8) / 8;
    oracle.values.set(`e${at}`, value);
    rig.run.changes.addEdge({ edgeId: `e${at}`, value }, rig.nowMs);
  }
  for (let at = 0; at < sets; at++) addSet(random, `s${at}`, oracle, rig);
  return oracle;
}

function addSet(random: Random, setId: string, oracle: Oracle, rig: RunRig): void {
  const ids = [...oracle.values.keys()];
  const members = new Set<string>();
  while (members.size < 3) members.add(ids[below(random, ids.length)] as string);
  oracle.sets.set(setId, [...members]);
  rig.run.changes.addSet(setId, [...members], rig.nowMs);
}

/** A few changes of values, now and then one of structure. */
function change(random: Random, serial: number, oracle: Oracle, rig: RunRig): void {
  const ids = [...oracle.values.keys()];
  for (let left = 1 + below(random, 4); left > 0; left--) {
    const edgeId = ids[below(random, ids.length)] as string;
    const value = 0.5 + below(random, 8) / 8;
    oracle.values.set(edgeId, value);
    rig.run.changes.setValue({ edgeId, value }, rig.nowMs);
  }
  const kind = below(random, 10);
  if (kind === 0) addSet(random, `n${serial}`, oracle, rig);
  const setId = [...oracle.sets.keys()][below(random, oracle.sets.size)];
  if (kind === 1 && setId !== undefined && oracle.sets.size > 5) {
    oracle.sets.delete(setId);
    rig.run.changes.removeSet(setId, rig.nowMs);
  }
}

/** What is published is within ε of the best, in score and in what its set scores now. */
function assertPublished(oracle: Oracle, rig: RunRig, note: string): void {
  const best = oracle.best();
  const published = rig.published;
  assert(best !== null && published !== null, note);
  const [setId, score] = published;
  assert(Math.abs(score - best[1]) < EPSILON_DEFAULT, `${note}: ${published} for ${best}`);
  const now = (oracle.sets.get(setId) ?? []).reduce(
    (product, id) => product * (oracle.values.get(id) ?? NaN),
    1,
  );
  assert(Math.abs(now - best[1]) < 2 * EPSILON_DEFAULT, `${note}: set ${setId} scores ${now}`);
}

Deno.test("OptimisationRun without faults: every refresh partial where wanted, no fallback, exact", () => {
  const random = seededRandom(seedOf("run_random_test"));
  const rig = new RunRig({ auditEvery: 10 });
  // Each score takes as long, so that the model wants a partial refresh whenever a part is dirty.
  rig.engine.faults.onStep = () => rig.busyMs += 0.01;
  const oracle = world(random, 20, 40, rig);
  rig.refresh();
  let partial = 0;
  for (let serial = 0; serial < 2_000; serial++) {
    change(random, serial, oracle, rig);
    rig.nowMs += 1_000;
    const report = rig.refresh();
    assertEquals(found(report), oracle.best());
    // Where nearly all is dirty, the model may want to know what a rebuild costs.
    const isWanted = report.why === "partial_cheaper";
    assertEquals([report.state, report.kind], ["succeeded", isWanted ? "partial" : "full"]);
    if (isWanted) partial++;
    assertPublished(oracle, rig, `refresh ${serial}`);
    if (rig.run.wantsAudit) assertEquals(rig.audit(7), "matched");
  }
  const { counters, fallbacksBy, audits, staleReasons } = rig.run.metadata(rig.nowMs);
  assertEquals([counters.refreshes, counters.full], [2_001, 2_001 - partial]);
  assertEquals([counters.partial, counters.partialWanted], [partial, partial]);
  assert(partial >= 1_900);
  assertEquals([counters.fallbacks, counters.failed], [0, 0]);
  assertEquals(Object.values(fallbacksBy), [0, 0, 0, 0, 0]);
  assertEquals([audits.audits > 150, audits.mismatches, staleReasons], [true, 0, []]);
});

Deno.test("OptimisationRun under random faults: right after each refresh that succeeds, never lowered by one that fails", () => {
  const random = seededRandom(seedOf("run_random_test"));
  for (let round = 0; round < 20; round++) {
    const rig = new RunRig({ partialTimeoutMs: 10, fullTimeoutMs: 10, auditEvery: 5 });
    const oracle = world(random, 12, 20, rig);
    rig.refresh();
    let faults = 0;
    for (let serial = 0; serial < 200; serial++) {
      change(random, serial, oracle, rig);
      rig.nowMs += 1_000;
      const isHard = random.next() < 0.1;
      faults += inject(random, rig, isHard);
      const before = rig.published;
      const report = rig.refresh({}, 1 + below(random, 4));
      rig.engine.faults = {};
      rig.engine.scorer = (values) => values.reduce((a, b) => a * b, 1);
      const note = `round ${round}, refresh ${serial}, ${report.fallback}`;
      if (report.state === "succeeded") {
        assertEquals(found(report), oracle.best(), note);
        assertPublished(oracle, rig, note);
      } else if (report.state === "incomplete") {
        assert(report.failedSets > 0 && rig.run.metadata(rig.nowMs).isStale, note);
      } else {
        assert((rig.published?.[1] ?? 0) >= (before?.[1] ?? 0), note);
        assert(rig.run.metadata(rig.nowMs).isStale, note);
      }
    }
    // Whatever was left behind, one refresh without faults mends it.
    const last = rig.refresh();
    assertEquals([last.state, found(last)], ["succeeded", oracle.best()]);
    assertPublished(oracle, rig, `round ${round}, the last refresh`);
    assert(faults > 0);
  }
});

/** One of the ways to fail, in a partial refresh only or, if `isHard`, in its rebuild, too. */
function inject(random: Random, rig: RunRig, isHard: boolean): number {
  const kind = below(random, 8);
  const at = below(random, 3);
  const { faults } = rig.engine;
  const hits = (of: string) => of === "partial" || (isHard && of === "full");
  if (kind === 0) {
    faults.onStep = (of, step) => {
      if (hits(of) && step === at) throw new Error("error");
    };
  } else if (kind === 1) {
    faults.onStep = (of, step) => {
      if (hits(of) && step === at) rig.busyMs += 11;
    };
  } else if (kind === 2) {
    rig.engine.scorer = (values, setId, of) => {
      if (hits(of) && setId.length % 2 === at % 2) throw new Error("scorer");
      return values.reduce((a, b) => a * b, 1);
    };
  } else if (kind === 3) {
    faults.onOutcome = (of, outcome) =>
      hits(of) ? { ...outcome, candidates: outcome.candidates + 1 } : outcome;
  } else if (kind === 4) {
    faults.onOutcome = (of, outcome) => hits(of) ? { ...outcome, best: null } : outcome;
  }
  return kind <= 4 ? 1 : 0;
}
