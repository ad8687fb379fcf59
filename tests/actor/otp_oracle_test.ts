/**
 * The supervision oracle: against expectations derived by hand, against the supervisor of a real
 * Erlang/OTP on random schedules, and with bugs planted. `WICK_SEED` sets the first seed.
 */

import {
  assert,
  assertEquals,
  assertGreater,
  assertGreaterOrEqual,
  assertLess,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { compareWithOtp } from "../../scripts/otp.ts";
import { Erlang } from "../../scripts/otp/erlang.ts";
import {
  generateSchedule,
  ScheduleGenerator,
  type TimeProfile,
} from "../../scripts/simulate/generator.ts";
import { loadMutant, type Mutant, MUTANTS, TIME_MUTANTS } from "../../scripts/simulate/mutants.ts";
import { type IntensityScope, Oracle } from "../../scripts/simulate/oracle.ts";
import { firstDivergence, Outcome, outcomeFor } from "../../scripts/simulate/outcome.ts";
import {
  emptySchedule,
  NODES_MAX,
  REASON_NAMES,
  RESTART_NAMES,
  type Schedule,
  STRATEGY_NAMES,
} from "../../scripts/simulate/schedule.ts";
import { Runner } from "../../scripts/simulate/runner.ts";
import {
  formatAlive,
  formatChanges,
  formatSchedule,
  parseSchedule,
} from "../../scripts/simulate/text.ts";
import { serviceOrSkip } from "../support/services.ts";

const SEED = Number(Deno.env.get("WICK_SEED") ?? crypto.getRandomValues(new Uint32Array(1))[0]);
const ERLANG = serviceOrSkip("erlang");

/** A schedule with what each step must cause behind `#`, and who is alive in the end. */
interface Scenario {
  readonly name: string;
  readonly text: string;
  readonly alive: string;
  readonly scope?: IntensityScope;
}

const HOUR = "in 3600000 ms";

const SCENARIOS: readonly Scenario[] = [
  {
    name: "intensity exactly at its boundary",
    text: `root one_for_one 2 ${HOUR}
             a permanent
             b permanent
           exit a crash  # started a
           exit b normal  # started b
           exit a crash  # stopped b, gave up root
           exit b crash  #`,
    alive: "",
  },
  {
    name: "intensity 0 gives up at the first restart",
    text: `root one_for_one 0 ${HOUR}
             a transient
             b permanent
           exit a normal  #
           exit b crash  # gave up root`,
    alive: "",
  },
  {
    name: "a restart exactly one period ago counts",
    text: `root one_for_one 1 in 5000 ms
             a permanent
           exit a crash  # started a
           advance 5000  #
           exit a crash  # gave up root`,
    alive: "",
  },
  {
    name: "a restart longer ago than the period does not count",
    text: `root one_for_one 1 in 5000 ms
             a permanent
           exit a crash  # started a
           advance 5001  #
           exit a crash  # started a
           advance 5000  #
           exit a crash  # gave up root`,
    alive: "",
  },
  {
    name: "restarts leave the window one by one",
    text: `root one_for_one 2 in 1000 ms
             a permanent
           exit a crash  # started a
           advance 600  #
           exit a crash  # started a
           advance 600  #
           exit a crash  # started a
           exit a crash  # gave up root`,
    alive: "",
  },
  {
    name: "a temporary sibling stopped by a group restart is gone for good",
    text: `root one_for_all 5 ${HOUR}
             a permanent
             t temporary
             b permanent
           exit a crash  # stopped b, stopped t, started a, started b
           exit b crash  # stopped a, started a, started b`,
    alive: "root a b",
  },
  {
    name: "a transient sibling that ended normally is started by a group restart",
    text: `root rest_for_one 5 ${HOUR}
             a permanent
             b transient
             c transient
           exit b shutdown  #
           exit c normal  #
           exit a crash  # started a, started b, started c`,
    alive: "root a b c",
  },
  {
    name: "rest_for_one leaves what was started before alone",
    text: `root rest_for_one 5 ${HOUR}
             a transient
             b permanent
             c permanent
           exit a normal  #
           exit b crash  # stopped c, started b, started c
           exit c crash  # started c`,
    alive: "root b c",
  },
  {
    name: "a failed start is tried again and counted each time",
    text: `root one_for_one 3 ${HOUR}
             a permanent
             b permanent
           failInit a 2  #
           exit a crash  # failed a, failed a, started a
           exit b crash  # stopped a, gave up root`,
    alive: "",
  },
  {
    name: "a failed start is tried again after what is queued",
    text: `root one_for_one 5 ${HOUR}
             a permanent
             b permanent
           failInit a 1  #
           burst a crash, b crash  # failed a, started b, started a`,
    alive: "root a b",
  },
  {
    name: "rest_for_one goes on from the child that failed to start",
    text: `root rest_for_one 5 ${HOUR}
             a permanent
             b permanent
             c permanent
           failInit b 1  #
           exit a crash  # stopped c, stopped b, started a, failed b, started b, started c`,
    alive: "root a b c",
  },
  {
    name: "one_for_all stops what it had started when it tries a failed start again",
    text: `root one_for_all 5 ${HOUR}
             a permanent
             b permanent
             c permanent
           failInit b 1  #
           exit c crash  # stopped b, stopped a, started a, failed b, ` +
      `stopped a, started a, started b, started c`,
    alive: "root a b c",
  },
  {
    name: "exits of children that a group restart replaced are absorbed and not counted",
    text: `root one_for_all 1 ${HOUR}
             a permanent
             b permanent
             c permanent
           burst a crash, b crash  # stopped c, started a, started b, started c`,
    alive: "root a b c",
  },
  {
    name: "a request to try again is void when another restart has started the child",
    text: `root rest_for_one 2 ${HOUR}
             a permanent
             b permanent
             c permanent
           failInit b 1  #
           burst b crash, a crash  # stopped c, failed b, started a, started b, started c`,
    alive: "root a b c",
  },
  {
    name: "two requests to try the same child again count twice when the first one fails",
    text: `root rest_for_one 3 ${HOUR}
             a permanent
             b permanent
           failInit b 3  #
           burst b crash, a crash  # failed b, started a, failed b, failed b, ` +
      `stopped a, gave up root`,
    alive: "",
  },
  {
    name: "a permanent supervisor that gave up is restarted with all its children",
    text: `root one_for_one 5 ${HOUR}
             s rest_for_one 1 ${HOUR}
               a permanent
               t temporary
               u transient
           exit t crash  #
           exit u normal  #
           exit a crash  # started a, started u
           exit a crash  # stopped u, started a, started t, started u, started s, gave up s
           exit a crash  # stopped u, stopped t, started a, started u`,
    alive: "root s a u",
  },
  {
    name: "a transient supervisor that gave up stays away until a group restart",
    text: `root one_for_all 5 ${HOUR}
             s one_for_one 0 ${HOUR} transient
               a permanent
             b permanent
           exit a crash  # gave up s
           exit a crash  #
           exit b crash  # started a, started s, started b`,
    alive: "root s b a",
  },
  {
    name: "a temporary supervisor that gave up is gone for good",
    text: `root one_for_all 5 ${HOUR}
             s one_for_one 0 ${HOUR} temporary
               a permanent
             b permanent
           exit a crash  # gave up s
           exit b crash  # started b`,
    alive: "root b",
  },
  {
    name: "giving up travels to the root, which stops the rest in reverse",
    text: `root one_for_one 0 ${HOUR}
             a permanent
             s one_for_one 0 ${HOUR}
               x permanent
               r one_for_one 0 ${HOUR}
                 y permanent
                 z permanent
             b permanent
           exit y crash  # stopped z, stopped x, stopped b, stopped a, ` +
      `gave up root, gave up s, gave up r`,
    alive: "",
  },
  {
    name: "a failed init fails the start of its supervisor, which is tried again",
    text: `root one_for_one 3 ${HOUR}
             s one_for_one 0 ${HOUR}
               x permanent
               y permanent
           failInit y 1  #
           exit x crash  # stopped y, started x, failed y, stopped x, failed s, ` +
      `started x, started y, started s, gave up s`,
    alive: "root s x y",
  },
  {
    name: "a group restart stops and starts whole supervisors",
    text: `root one_for_all 5 ${HOUR}
             a permanent
             s one_for_one 1 ${HOUR}
               x permanent
               y temporary
           exit x crash  # started x
           exit a crash  # stopped y, stopped x, started a, started x, started y, started s
           exit x crash  # started x`,
    alive: "root a s x y",
  },
  {
    name: "per child, each child has its own window",
    scope: "child",
    text: `root one_for_one 1 in 1000 ms
             a permanent
             b permanent
           exit a crash  # started a
           exit b crash  # started b
           advance 1000  #
           exit a crash  # stopped b, gave up root`,
    alive: "",
  },
  {
    name: "per child, being restarted with a sibling does not count",
    scope: "child",
    text: `root one_for_all 1 in 1000 ms
             a permanent
             b permanent
           exit a crash  # stopped b, started a, started b
           exit b crash  # stopped a, started a, started b
           exit b crash  # stopped a, gave up root`,
    alive: "",
  },
  {
    name: "per child, a failed start counts for the child that failed",
    scope: "child",
    text: `root rest_for_one 1 in 1000 ms
             a permanent
             b permanent
           failInit b 1  #
           exit a crash  # stopped b, started a, failed b, started b
           exit b crash  # stopped a, gave up root`,
    alive: "",
  },
  {
    name: "per child, windows are empty after the restart of the supervisor",
    scope: "child",
    text: `root one_for_one 1 in 1000 ms
             s one_for_one 1 in 1000 ms
               a permanent
           exit a crash  # started a
           exit a crash  # started a, started s, gave up s
           exit a crash  # started a
           exit a crash  # gave up root, gave up s`,
    alive: "",
  },
];

/** The matrix of restart type and reason for a middle child, under each strategy. */
function matrixScenarios(): Scenario[] {
  const restarted = new Set([
    ...["permanent normal", "permanent shutdown", "permanent crash"],
    "transient crash",
  ]);
  const changes = {
    one_for_one: "started x",
    one_for_all: "stopped b, stopped a, started a, started x, started b",
    rest_for_one: "stopped b, started x, started b",
  };
  const scenarios: Scenario[] = [];
  for (const strategy of STRATEGY_NAMES) {
    for (const type of RESTART_NAMES) {
      for (const reason of REASON_NAMES) {
        const isRestarted = restarted.has(`${type} ${reason}`);
        scenarios.push({
          name: `${strategy}, ${type} child, ${reason}`,
          text: `root ${strategy} 1 ${HOUR}
                   a permanent
                   x ${type}
                   b permanent
                 exit x ${reason}  # ${isRestarted ? changes[strategy] : ""}`,
          alive: isRestarted ? "root a x b" : "root a b",
        });
      }
    }
  }
  return scenarios;
}

const ALL_SCENARIOS = [...matrixScenarios(), ...SCENARIOS];

/** What must happen at each step, and who is alive in the end, in words. */
function expected({ text, alive }: Scenario) {
  const changes = text.split("\n").filter((line) => line.includes("#"))
    .map((line) => line.slice(line.indexOf("#") + 1).trim());
  return { changes, alive };
}

/** What did happen, in the same words. */
function observed(outcome: Outcome, names: readonly string[]) {
  const changes: string[] = [];
  for (let row = 1; row < outcome.rows; row++) changes.push(formatChanges(outcome, row, names));
  return { changes, alive: formatAlive(outcome, outcome.rows - 1, names) };
}

for (const scenario of ALL_SCENARIOS) {
  Deno.test(`Oracle.run() ${scenario.name}`, () => {
    const { schedule, names } = parseSchedule(scenario.text);
    const oracle = new Oracle(scenario.scope ?? "supervisor");
    assertEquals(observed(oracle.run(schedule, outcomeFor(schedule)), names), expected(scenario));
  });
}

Deno.test("OTP does what the scenarios say", ERLANG, async () => {
  const scenarios = ALL_SCENARIOS
    .filter(({ text, scope }) => scope === undefined && text.includes(HOUR));
  assertGreater(scenarios.length, 40);
  const parsed = scenarios.map(({ text }) => parseSchedule(text));
  await using erlang = await Erlang.create();
  const reader = await erlang.run(parsed.map(({ schedule }) => schedule), "batch");
  parsed.forEach(({ schedule, names }, i) => {
    const outcome = outcomeFor(schedule);
    reader.read(schedule.nodeCount, outcome);
    const scenario = scenarios[i] as Scenario; // `parsed` has an entry for each.
    assertEquals(observed(outcome, names), expected(scenario), scenario.name);
  });
});

Deno.test("compareWithOtp() finds the oracle equal to OTP in 2,000 schedules", ERLANG, async () => {
  console.log(`WICK_SEED=${SEED}`);
  const oracle = new Oracle("supervisor");
  const outcome = new Outcome(40);
  const comparison = await compareWithOtp(
    (schedule) => oracle.run(schedule, outcome),
    { schedules: 2_000, seed: SEED, name: "oracle" },
  );
  assertEquals(comparison.first?.trace, undefined);
  assertEquals(comparison.compared, 2_000);
  assertGreater(comparison.restartsMean, 4);
  assertGreater(comparison.escalationsMean, 0.3);
});

Deno.test(
  "compareWithOtp() finds oracle and runtime equal to OTP while seconds pass",
  ERLANG,
  async () => {
    console.log(`WICK_SEED=${SEED}`);
    const oracle = new Oracle("supervisor");
    const mutants = await Promise.all(TIME_MUTANTS.map(async (mutant) => ({
      bug: mutant.bug,
      oracle: new (await loadMutant(mutant))("supervisor"),
      caught: 0,
    })));
    const runtime = new Runner("supervisor");
    const right = new Outcome(40);
    const wrong = new Outcome(40);
    const comparison = await compareWithOtp((schedule) => {
      oracle.run(schedule, right);
      assertEquals(firstDivergence(right, runtime.run(schedule, wrong)), null);
      for (const mutant of mutants) {
        if (firstDivergence(right, mutant.oracle.run(schedule, wrong)) !== null) mutant.caught++;
      }
      return right;
    }, { schedules: 400, seed: SEED, name: "oracle", profile: "seconds" });
    assertEquals(comparison.first?.trace, undefined);
    assertGreater(comparison.compared, 200, "too many schedules were late");
    // The oracle equals OTP here, so a mutant that differs from the oracle differs from OTP.
    for (const { bug, caught } of mutants) assertGreater(caught, 0, bug);
  },
);

Deno.test("compareWithOtp() reports a divergence that can be replayed", ERLANG, async () => {
  const mutant = MUTANTS.find(({ bug }) => bug === "counts one restart too many") as Mutant;
  const oracle = new (await loadMutant(mutant))("supervisor");
  const { first, diverged } = await compareWithOtp(
    (schedule) => oracle.run(schedule, outcomeFor(schedule)),
    { schedules: 200, seed: SEED, name: "mutant" },
  );
  assertGreater(diverged, 0);
  assert(first !== null);
  const { schedule } = parseSchedule(first.trace);
  const right = new Oracle("supervisor").run(schedule, outcomeFor(schedule));
  const wrong = oracle.run(schedule, outcomeFor(schedule));
  assertEquals(firstDivergence(wrong, right)?.row, schedule.stepCount);
});

Deno.test("firstDivergence() catches every planted bug against OTP", ERLANG, async () => {
  console.log(`WICK_SEED=${SEED}`);
  const schedules: Schedule[] = [];
  for (let i = 0; i < 2_000; i++) schedules.push(generateSchedule((SEED + i) >>> 0, "endless"));
  await using erlang = await Erlang.create();
  const reader = await erlang.run(schedules, "batch");
  const theirs = schedules.map((schedule) => {
    const outcome = outcomeFor(schedule);
    reader.read(schedule.nodeCount, outcome);
    return outcome;
  });
  const caught = new Map<string, number>();
  for (const mutant of MUTANTS) {
    const oracle = new (await loadMutant(mutant))("supervisor");
    const ours = new Outcome(40);
    const differing = schedules.filter((schedule, i) => {
      const right = theirs[i] as Outcome; // `theirs` has an entry for each schedule.
      return firstDivergence(oracle.run(schedule, ours), right) !== null;
    });
    caught.set(mutant.bug, differing.length);
  }
  for (const [bug, times] of caught) console.log(`${String(times).padStart(5)}  ${bug}`);
  assertEquals([...caught].filter(([, times]) => times === 0), []);
});

Deno.test("loadMutant() rejects when the text to replace is not there", async () => {
  await assertRejects(
    () => loadMutant({ bug: "none", find: "no such text", replace: "" }),
    Error,
    "expected its text once: current value is 0",
  );
});

Deno.test("ScheduleGenerator.fill() gives the same schedules for ever", () => {
  const profiles = ["virtual", "endless", "seconds"] as const;
  assertEquals(profiles.map(checksum), [3302686911, 2682702577, 437539375]);
});

/** FNV-1a over the text of a thousand schedules. */
function checksum(profile: TimeProfile): number {
  let hash = 0x811c9dc5;
  for (let seed = 0; seed < 1_000; seed++) {
    for (const char of formatSchedule(generateSchedule(seed, profile))) {
      hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193);
    }
  }
  return hash >>> 0;
}

Deno.test("ScheduleGenerator.fill() overwrites all of an earlier schedule", () => {
  const generator = new ScheduleGenerator("virtual");
  const schedule = emptySchedule(40);
  for (let seed = 0; seed < 200; seed++) {
    generator.fill(schedule, seed);
    assertEquals(formatSchedule(schedule), formatSchedule(generateSchedule(seed, "virtual")));
  }
});

for (const scope of ["supervisor", "child"] as const) {
  Deno.test(`ScheduleGenerator.fill() causes restarts and escalations per ${scope}`, () => {
    const generator = new ScheduleGenerator("virtual");
    const schedule = emptySchedule(40);
    const oracle = new Oracle(scope);
    const outcome = new Outcome(40);
    const count = 10_000;
    let granted = 0;
    let innerGiveUps = 0;
    let rootGiveUps = 0;
    for (let seed = 0; seed < count; seed++) {
      oracle.run(generator.fill(schedule, seed), outcome);
      granted += oracle.granted;
      const last = (outcome.rows - 1) * NODES_MAX;
      rootGiveUps += outcome.giveUps[last] as number;
      for (let node = 1; node < outcome.nodeCount; node++) {
        innerGiveUps += outcome.giveUps[last + node] as number;
      }
    }
    assertGreaterOrEqual(granted / count, 4);
    assertGreaterOrEqual(innerGiveUps / count, 0.3);
    assertLess(rootGiveUps / count, 0.2);
  });
}

Deno.test("parseSchedule() reads back what formatSchedule() writes", () => {
  for (let seed = 0; seed < 500; seed++) {
    const schedule = generateSchedule(seed, "virtual");
    const read = parseSchedule(formatSchedule(schedule));
    // The text lists nodes depth first but both number them breadth first.
    assertEquals(formatSchedule(read.schedule), formatSchedule(schedule));
  }
});

Deno.test("parseSchedule() names what it cannot read", () => {
  assertThrows(() => parseSchedule("root one_for_many 1 in 5 ms"), SyntaxError, "one_for_many");
  const unknown = "root one_for_one 1 in 5 ms\n  a permanent\nexit b crash";
  assertThrows(() => parseSchedule(unknown), SyntaxError, '"b"');
});
