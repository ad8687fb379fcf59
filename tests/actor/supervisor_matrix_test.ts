// Who is started anew when the second of three children ends, for every strategy, restart type and
// reason. The table is OTP's (stdlib, supervisor): written down from its manual, not computed.
import { child, type RestartType, type Strategy } from "../../src/actor/mod.ts";
import { assertEquals } from "@std/assert";
import { Harness, Journal, settle } from "./support.ts";

type Reason = "normal" | "shutdown" | "crash";

const RESTARTED: Readonly<Record<Strategy, string>> = {
  one_for_one: "a1 b2 c1",
  one_for_all: "a2 b2 c2",
  rest_for_one: "a1 b2 c2",
};
const LEFT = "a1 b:stopped c1";

const RESTARTS: Readonly<Record<RestartType, Readonly<Record<Reason, boolean>>>> = {
  permanent: { normal: true, shutdown: true, crash: true },
  transient: { normal: false, shutdown: false, crash: true },
  temporary: { normal: false, shutdown: false, crash: false },
};

function tree(journal: Journal, strategy: Strategy, restart: RestartType, intensity: number) {
  return {
    intensity: 5,
    children: [{
      name: "s",
      strategy,
      intensity,
      children: [
        child(journal.actor, { name: "a", args: {} }),
        child(journal.actor, { name: "b", args: {}, restart }),
        child(journal.actor, { name: "c", args: {} }),
      ],
    }],
  };
}

function end(harness: Harness, journal: Journal, reason: Reason): Promise<void> {
  const b = harness.system.ref(journal.actor.protocol, "s/b");
  if (reason === "crash") b.tell("crash", "boom");
  else b.tell("leave", reason);
  return settle();
}

for (const strategy of Object.keys(RESTARTED) as Strategy[]) {
  for (const restart of Object.keys(RESTARTS) as RestartType[]) {
    for (const reason of ["normal", "shutdown", "crash"] as const) {
      const restarts = RESTARTS[restart][reason];
      const what = `${strategy}: a ${restart} child that ends with ${reason}`;

      Deno.test(`${what} ${restarts ? "is restarted" : "stays ended"}`, async () => {
        const journal = new Journal();
        await using harness = new Harness(tree(journal, strategy, restart, 5));
        await end(harness, journal, reason);
        assertEquals(harness.children("s"), restarts ? RESTARTED[strategy] : LEFT);
      });

      Deno.test(`${what} ${restarts ? "escalates" : "does not escalate"} at intensity 0`, async () => {
        const journal = new Journal();
        await using harness = new Harness(tree(journal, strategy, restart, 0));
        await end(harness, journal, reason);
        // A permanent supervisor that gave up is restarted, with every child that it declares.
        assertEquals(
          [harness.children(), harness.children("s")],
          restarts ? ["s2", "a2 b2 c2"] : ["s1", LEFT],
        );
      });
    }
  }
}
