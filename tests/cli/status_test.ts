/** `wick status`: the score, what limits it, and alerts. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { healthInputs } from "../../src/monitor/health_inputs.ts";
import { type HealthScore, healthScore } from "../../src/monitor/health_score.ts";
import { served } from "../http/support.ts";
import { run } from "./support.ts";

/** The score of a service of which nothing is measured and whose store is down. */
function storeDown(): HealthScore {
  const nothing = { at: 0, nowMs: 0, families: [], series: 0, overflowed: [] };
  const parts = [{ name: "core/store", state: "down", detail: { lastError: "disk" } }] as const;
  return healthScore(healthInputs(nothing, null), parts);
}

const FIRING = {
  rule: "actor_down",
  type: "system_health",
  severity: "page",
  actor: "core/store",
  labels: {},
  phase: "firing",
  value: 0,
  summary: "core/store is\nnot running",
  runbook: "Look at its last error.",
} as const;

Deno.test("status says nothing of a score and of alerts while there are none", async () => {
  await using one = await served();
  const { out } = await run(["status", "--url", one.url]);
  assertMatch(out, /^wick 9\.9\.9 {2}ok {2}commit 0\npart +state/);
});

Deno.test("status prints the score, what limits it, and what is unknown", async () => {
  await using one = await served();
  const score = { ...storeDown(), score: 59, state: "warning", unknown: ["pool"] } as const;
  const parts = score.parts.map((part) =>
    part.name === "cache" ? { ...part, state: "known", points: 74.6, weight: 0.4 } as const : part
  );
  one.service.score = { ...score, parts };
  const { out } = await run(["status", "--url", one.url]);
  assertMatch(
    out,
    /^health 59 of 100, warning: latency unknown, success unknown, cache 75 \(40 %\), throughput /m,
  );
  assertMatch(out, /^limited by store: core\/store is down: disk$/m);
  assertMatch(out, /^unknown: pool$/m);
  one.service.score = { ...score, score: null, limiting: null };
  assertMatch((await run(["status", "--url", one.url])).out, /^health unknown: /m);
});

Deno.test("status lists alerts on one line each, and has them in its JSON", async () => {
  await using one = await served();
  one.service.book.take([FIRING], 0, 1_700_000_000_000);
  const id = one.service.book.active()[0]?.id ?? "";
  const { code, out } = await run(["status", "--url", one.url]);
  assertEquals(code, 0);
  assert(out.includes(`page   firing  core/store is not running  ${id}\n`), out);
  one.service.book.acknowledge(id, "ann", 0);
  assertMatch((await run(["status", "--url", one.url])).out, /^page +acknowledged +core/m);
  const json = JSON.parse((await run(["status", "--url", one.url, "--json"])).out);
  assertEquals([json.score, json.alerts.map((alert: { id: string }) => alert.id)], [null, [id]]);
});

Deno.test("status says in a line what the monitor changes by itself, and has it in its JSON", async () => {
  await using one = await served();
  const knob = { knob: "label_workers", unit: "threads", isOn: true, value: 2, min: 1, max: 4 };
  one.service.tuned = {
    isOn: true,
    knobs: [{ ...knob, knob: "label_workers", unit: "threads", trial: null, resting: [] }],
    log: [],
  };
  const { out } = await run(["status", "--url", one.url]);
  assertMatch(out, /^tuning on: label_workers 2 of 1 to 4$/m);
  const json = JSON.parse((await run(["status", "--url", one.url, "--json"])).out);
  assertEquals(json.tuning.knobs[0].max, 4);
});
