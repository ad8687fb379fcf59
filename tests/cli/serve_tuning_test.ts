/** From the configuration to what the monitor may change by itself, and how it is shown in a line. */

import { assertEquals, assertThrows } from "@std/assert";
import { configSchema } from "../../src/cli/config_schema.ts";
import { UsageError } from "../../src/cli/exit_code.ts";
import { tuningOf } from "../../src/cli/serve_tuning.ts";
import { tuningLine } from "../../src/cli/tuning_text.ts";
import { KNOBS } from "../../src/monitor/tuning.ts";
import type { KnobView } from "../../src/monitor/tuning_view.ts";

const of = (settings: Record<string, unknown>) => tuningOf(configSchema.parse(settings));

Deno.test("tuningOf() without settings is on, and leaves bounds to what is set otherwise", () => {
  const { isOn, knobs } = of({});
  assertEquals(isOn, true);
  assertEquals(knobs, {
    label_workers: { isOn: true, min: null, max: null },
    cache_capacity: { isOn: true, min: null, max: null },
    warming_budget: { isOn: true, min: null, max: null },
    batch_linger: { isOn: true, min: 0, max: 20 },
  });
});

Deno.test("tuningOf() turns all of it off, or all but some knobs", () => {
  assertEquals(of({ tuningEnabled: false }).isOn, false);
  const { knobs } = of({ tuningKnobs: ["label_workers", "batch_linger"] });
  assertEquals(KNOBS.map((knob) => knobs[knob].isOn), [true, false, false, true]);
  assertThrows(() => of({ tuningKnobs: ["everything"] }));
});

Deno.test("tuningOf() takes bounds, and refuses those that are out of order", () => {
  const { knobs } = of({
    ...{ tuningWorkersMin: 2, tuningWorkersMax: 6, tuningCacheBytesMin: 1_000_000 },
    ...{ tuningWarmingRateMax: 400, tuningLingerMinMs: 2, tuningLingerMaxMs: 9 },
  });
  assertEquals(KNOBS.map((knob) => [knobs[knob].min, knobs[knob].max]), [
    [2, 6],
    [1_000_000, null],
    [null, 400],
    [2, 9],
  ]);
  const refused = (settings: Record<string, unknown>) =>
    assertThrows(() => of(settings), UsageError).message;
  assertEquals(
    refused({ tuningWorkersMin: 3, workers: 2 }),
    "Cannot tune label_workers: expected its least value up to its most: current values are 3 and 2",
  );
  assertEquals(
    refused({ tuningCacheBytesMin: 2_000, cacheBytesMax: 1_000 }),
    "Cannot tune cache_capacity: expected its least value up to its most: " +
      "current values are 2000 and 1000",
  );
  refused({ tuningWarmingRateMin: 101 });
  refused({ tuningLingerMinMs: 30 });
});

const KNOB: KnobView = {
  knob: "label_workers",
  unit: "threads",
  isOn: true,
  value: 2,
  min: 1,
  max: 4,
  trial: null,
  resting: [],
};

Deno.test("tuningLine() says in one line what is set, on trial and at rest, and the last change", () => {
  assertEquals(tuningLine({ isOn: true, knobs: [], log: [] }), "");
  const resting = [{ direction: "down", until: 0, failures: 1 }] as const;
  const line = tuningLine({
    isOn: true,
    knobs: [
      { ...KNOB, trial: { id: 7, endsAt: 0 } },
      {
        ...KNOB,
        knob: "cache_capacity",
        unit: "bytes",
        value: 256e6,
        min: 64e6,
        max: 256e6,
        resting,
      },
      { ...KNOB, knob: "batch_linger", unit: "ms", value: null, isOn: false },
    ],
    log: [{
      ...{ id: 7, at: 0, knob: "label_workers", from: 1, to: 2, reason: "", evidence: {} },
      ...{ expected: [], outcome: "trial", judged: "" },
    }],
  });
  assertEquals(
    line,
    "tuning on: label_workers 2 of 1 to 4, on trial; cache_capacity 256 MB of 64.0 MB to 256 MB, " +
      "rests down; batch_linger not known, left alone; " +
      "last change #7 label_workers 1 to 2, trial\n",
  );
  assertEquals(
    tuningLine({ isOn: false, knobs: [{ ...KNOB, isOn: false }], log: [] }),
    "tuning off: label_workers 2, left alone\n",
  );
});
