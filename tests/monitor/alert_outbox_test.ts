/** What a receiver of alerts has to be told: differences, groups, waits, repetition, bounds. */

import { assert, assertEquals } from "@std/assert";
import type { Alert, AlertSeverity } from "../../src/monitor/alert.ts";
import {
  type AlertGroup,
  AlertOutbox,
  OUTBOX_ALERTS_MAX,
  type OutboxOptions,
  RECENT_MS,
} from "../../src/monitor/alert_outbox.ts";

const WAIT_MS = 5_000, MAX = 256;

interface AlertOptions {
  readonly rule?: string;
  readonly severity?: AlertSeverity;
  readonly startedAt?: number;
}

function alertOf(
  name: string,
  { rule = "rule_a", severity = "ticket", startedAt = 1_000 }: AlertOptions = {},
): Alert {
  return {
    id: `${rule}-${name.padEnd(16, "_")}`,
    rule,
    type: "performance",
    severity,
    actor: name,
    labels: {},
    state: "firing",
    summary: name,
    runbook: "",
    value: 1,
    startedAt,
    firedAt: startedAt,
    resolvedAt: null,
    acknowledged: null,
    mutedBy: null,
    notified: true,
  };
}

const over = (alert: Alert, resolvedAt: number): Alert => ({
  ...alert,
  state: "resolved",
  resolvedAt,
});

/** An outbox whose monotonic and wall clocks are one. */
class Rig {
  readonly outbox: AlertOutbox;
  nowMs = 10_000;
  firing: Alert[] = [];
  ended: Alert[] = [];

  constructor(options: OutboxOptions = {}) {
    this.outbox = new AlertOutbox(options);
  }

  look(): void {
    this.outbox.look({ firing: this.firing, ended: this.ended }, this.nowMs, this.nowMs);
  }

  /** The group that is due after `ms`, as `rule: firing a, resolved b`. */
  after(ms: number, alertsMax = MAX): string | null {
    this.nowMs += ms;
    const group = this.outbox.next(this.nowMs, alertsMax);
    return group === null ? null : textOf(group);
  }

  /** The same, and the receiver takes it. */
  taken(ms: number, alertsMax = MAX): string | null {
    this.nowMs += ms;
    const group = this.outbox.next(this.nowMs, alertsMax);
    if (group === null) return null;
    this.outbox.taken(group, this.nowMs);
    return textOf(group);
  }

  end(name: string): void {
    const alert = this.firing.find(({ actor }) => actor === name);
    assert(alert !== undefined);
    this.firing = this.firing.filter((each) => each !== alert);
    this.ended.push(over(alert, this.nowMs));
  }
}

const textOf = ({ rule, alerts }: AlertGroup) =>
  `${rule}: ${alerts.map(({ state, actor }) => `${state} ${actor}`).join(", ")}`;

Deno.test("AlertOutbox waits for a group, tells it once, and its end once", () => {
  const rig = new Rig();
  rig.firing = [alertOf("a")];
  rig.look();
  assertEquals([rig.outbox.dueMs(), rig.outbox.waiting], [10_000 + WAIT_MS, 1]);
  assertEquals(rig.after(WAIT_MS - 1), null);
  rig.firing.push(alertOf("b", { severity: "page" }));
  rig.look();
  assertEquals(rig.taken(1), "rule_a: firing b, firing a");
  assertEquals([rig.outbox.dueMs(), rig.outbox.waiting], [null, 0]);
  rig.look();
  assertEquals(rig.taken(3_600_000), null);
  rig.end("a");
  rig.look();
  // What still fires of the rule is told along.
  assertEquals(rig.taken(WAIT_MS), "rule_a: firing b, resolved a");
  rig.look();
  assertEquals(rig.taken(WAIT_MS), null);
  // Its value moves at every look: no news.
  rig.firing = rig.firing.map((alert) => ({ ...alert, value: 2, summary: "more" }));
  rig.look();
  assertEquals(rig.outbox.dueMs(), null);
});

Deno.test("AlertOutbox makes a group of each rule, the most severe first", () => {
  const rig = new Rig();
  rig.firing = [
    alertOf("a", { rule: "slow" }),
    alertOf("b", { rule: "down", severity: "page" }),
    alertOf("c", { rule: "slow" }),
  ];
  rig.look();
  assertEquals(rig.taken(WAIT_MS), "down: firing b");
  assertEquals(rig.taken(0), "slow: firing a, firing c");
  assertEquals(rig.taken(0), null);
});

Deno.test("AlertOutbox tells whoever was away how things are now", () => {
  const rig = new Rig();
  rig.firing = [alertOf("a"), alertOf("b")];
  rig.look();
  const group = rig.outbox.next(rig.nowMs + WAIT_MS, MAX);
  assert(group !== null);
  rig.outbox.failed(group, rig.nowMs);
  rig.end("a");
  rig.look();
  // It began and ended while nobody listened; a second time with the same name is another alert.
  rig.firing.push(alertOf("a", { startedAt: 20_000 }));
  rig.look();
  assertEquals(rig.taken(60_000), "rule_a: firing b, firing a, resolved a");
});

Deno.test("AlertOutbox: what changed while it was under way is told next", () => {
  const rig = new Rig();
  rig.firing = [alertOf("a")];
  rig.look();
  const group = rig.outbox.next(rig.nowMs + WAIT_MS, MAX);
  assert(group !== null);
  rig.end("a");
  rig.look();
  rig.outbox.taken(group, rig.nowMs);
  assertEquals(rig.taken(WAIT_MS), "rule_a: resolved a");
});

Deno.test("AlertOutbox that knows nothing tells what fires, and what ended lately", () => {
  const rig = new Rig();
  rig.nowMs = 10 * RECENT_MS;
  rig.firing = [alertOf("a")];
  rig.ended = [
    over(alertOf("old"), rig.nowMs - RECENT_MS),
    over(alertOf("new"), rig.nowMs - RECENT_MS + 10_000),
  ];
  rig.look();
  assertEquals(rig.taken(WAIT_MS), "rule_a: firing a, resolved new");
  rig.look();
  assertEquals(rig.taken(WAIT_MS), null);
  // Once it is old it is forgotten, and does not come again.
  rig.nowMs += RECENT_MS;
  rig.look();
  assertEquals(rig.taken(WAIT_MS), null);
});

Deno.test("AlertOutbox: an alert that nobody knows any more has ended", () => {
  const rig = new Rig();
  rig.firing = [alertOf("a")];
  rig.look();
  rig.taken(WAIT_MS);
  rig.firing = [];
  rig.look();
  assertEquals(rig.taken(WAIT_MS), "rule_a: resolved a");
  rig.look();
  assertEquals(rig.outbox.dueMs(), null);
});

Deno.test("AlertOutbox tells an acknowledgement, once", () => {
  const rig = new Rig();
  rig.firing = [alertOf("a")];
  rig.look();
  rig.taken(WAIT_MS);
  rig.firing = [{ ...alertOf("a"), acknowledged: { by: "ann", at: 5, note: "" } }];
  rig.look();
  assertEquals(rig.taken(WAIT_MS), "rule_a: firing a");
  rig.look();
  assertEquals(rig.taken(WAIT_MS), null);
});

Deno.test("AlertOutbox with resendMs tells again what fires, and no end", () => {
  const rig = new Rig({ groupBy: "all", resendMs: 60_000 });
  rig.firing = [alertOf("a"), alertOf("b", { rule: "other" })];
  rig.look();
  assertEquals(rig.taken(WAIT_MS), "null: firing a, firing b");
  assertEquals(rig.outbox.dueMs(), rig.nowMs + 60_000);
  assertEquals(rig.taken(59_999), null);
  assertEquals(rig.taken(1), "null: firing a, firing b");
  rig.end("a");
  rig.look();
  // What was told less than half the time before does not come along.
  assertEquals(rig.taken(WAIT_MS), "null: resolved a");
  assertEquals(rig.taken(55_000), "null: firing b");
  assertEquals(rig.taken(60_000), "null: firing b");
});

Deno.test("AlertOutbox leaves out what is not severe enough", () => {
  const rig = new Rig({ severities: ["page"] });
  rig.firing = [alertOf("a"), alertOf("b", { severity: "page" })];
  rig.look();
  assertEquals(rig.taken(WAIT_MS), "rule_a: firing b");
});

Deno.test("AlertOutbox: a group that is never taken holds up no other", () => {
  const rig = new Rig();
  rig.firing = [alertOf("a", { rule: "bad", severity: "page" }), alertOf("b", { rule: "good" })];
  rig.look();
  rig.nowMs += WAIT_MS;
  const group = rig.outbox.next(rig.nowMs, MAX);
  assertEquals(group?.rule, "bad");
  if (group !== null) rig.outbox.failed(group, rig.nowMs);
  assertEquals(rig.taken(1_000), "good: firing b");
  assertEquals(rig.after(0), "bad: firing a");
});

Deno.test("AlertOutbox gives as many as fit, changes first, and says what is left", () => {
  const rig = new Rig();
  rig.firing = ["a", "b", "c"].map((name, i) => alertOf(name, { startedAt: i }));
  rig.look();
  rig.nowMs += WAIT_MS;
  const first = rig.outbox.next(rig.nowMs, 2);
  assertEquals([first?.alerts.length, first?.truncated], [2, 1]);
  assertEquals(rig.taken(0, 2), "rule_a: firing a, firing b");
  // The one that is new has its place before those that are only told along.
  assertEquals(rig.taken(0, 2), "rule_a: firing a, firing c");
  assertEquals(rig.taken(0, 2), null);
});

Deno.test("AlertOutbox is bounded: the ends that are longest ago are given up", () => {
  const rig = new Rig();
  for (let round = 0; round < 5; round++) {
    rig.ended = Array.from(
      { length: 512 },
      (_, i) => over(alertOf(`${round}-${i}`), rig.nowMs + i),
    );
    rig.look();
    rig.nowMs += 1_000;
  }
  assertEquals(rig.outbox.waiting, OUTBOX_ALERTS_MAX);
  assertEquals(rig.outbox.dropped, 5 * 512 - OUTBOX_ALERTS_MAX);
});
