import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { seededRandom, VirtualClock } from "../../src/actor/clock.ts";
import {
  type Checkpoint,
  decodeCheckpoint,
  encodeCheckpoint,
  planHash,
} from "../../src/batch/job_checkpoint.ts";
import {
  CHECKPOINT_KEPT_MS,
  expiredCheckpoints,
  generationOf,
  latestGood,
} from "../../src/batch/job_generations.ts";
import { jobProblems, jobSettings, type JobSpec } from "../../src/batch/job_spec.ts";
import {
  isFinal,
  JOB_EVENTS,
  JOB_STATES,
  type JobEvent,
  type JobState,
  nextJobState,
  recoveredJobState,
} from "../../src/batch/job_state.ts";
import { parseSymbols } from "../../src/batch/job_symbols.ts";
import { RunRecorder } from "../../src/batch/report.ts";
import { seedOf } from "../actor/seed.ts";

const SPEC: JobSpec = {
  name: "nightly",
  symbols: ["AAPL", "MSFT"],
  kinds: ["prices"],
  provider: "simulated",
};

// ---- spec ---------------------------------------------------------------------------------------

Deno.test("jobSettings() fills in throughput: 60 workers, 750/min, chunks from 200", () => {
  const { rate, workers, chunk, from, to, filtersOff, schedule } = jobSettings(SPEC);
  assertEquals(rate, { requests: 750, windowMs: 60_000 });
  assertStrictEquals(workers, 60);
  assertEquals(chunk, { mode: "auto", start: 200 });
  assertEquals([from, to, filtersOff, schedule], [null, null, [], null]);
});

Deno.test("jobSettings() fills in conservative: 30 workers, 500/min, chunks of 50", () => {
  const { rate, workers, chunk } = jobSettings({ ...SPEC, profile: "conservative" });
  assertEquals(rate, { requests: 500, windowMs: 60_000 });
  assertStrictEquals(workers, 30);
  assertEquals(chunk, { mode: "fixed", size: 50 });
});

Deno.test("jobSettings() puts what the job says before its profile", () => {
  const settings = jobSettings({
    ...SPEC,
    profile: "conservative",
    rate: "10/s",
    workers: 2,
    chunk: "auto",
    from: 1,
    to: 2,
    filters: { staleness: false, company_cache: true },
  });
  assertEquals(settings.rate, { requests: 10, windowMs: 1_000 });
  assertStrictEquals(settings.workers, 2);
  assertEquals(settings.chunk, { mode: "auto", start: 50 });
  assertEquals([settings.from, settings.to], [1, 2]);
  assertEquals(settings.filtersOff, ["staleness"]);
  assertEquals(jobSettings({ ...SPEC, chunk: 77 }).chunk, { mode: "fixed", size: 77 });
});

Deno.test("jobProblems() names every field that is wrong", () => {
  const wrong: JobSpec = {
    name: "../x",
    symbols: [],
    kinds: [],
    provider: "",
    workers: 0,
    chunk: 2_001,
    rate: "fast",
    from: 2,
    to: 2,
  };
  const fields = jobProblems(wrong).map((problem) => problem.split(":")[0]);
  const all = ["name", "symbols", "kinds", "provider", "workers", "chunk", "rate", "to"];
  assertEquals(fields, all);
  assertThrows(() => jobSettings(wrong), RangeError, "workers");
  assertEquals(jobProblems(SPEC), []);
});

Deno.test("jobProblems() takes no name that could leave a folder or run on for ever", () => {
  for (const name of ["", ".", "..", "a/b", "a b", "-a", "a\n", "é", "x".repeat(65)]) {
    assertEquals(jobProblems({ ...SPEC, name }).length, 1, name);
  }
  for (const name of ["a", "run_1", "sync.eu-2", "x".repeat(64)]) {
    assertEquals(jobProblems({ ...SPEC, name }), [], name);
  }
});

// ---- symbols ------------------------------------------------------------------------------------

Deno.test("parseSymbols() reads a list with comments, blank lines and any line ends", () => {
  const { symbols, duplicates } = parseSymbols(
    "\uFEFF# mine\r\nAAPL\r\n\n EUR_USD \nBRK.B\rAAPL\n",
  );
  assertEquals(symbols, ["AAPL", "EUR_USD", "BRK.B"]);
  assertStrictEquals(duplicates, 1);
});

Deno.test("parseSymbols() reads the first column of a CSV and leaves its header out", () => {
  assertEquals(parseSymbols('Symbol,Name\nAAPL,Apple\n"MSFT",Microsoft\n').symbols, [
    "AAPL",
    "MSFT",
  ]);
  // Only a first line is a header.
  assertEquals(parseSymbols("AAPL\nSYMBOL\n").symbols, ["AAPL", "SYMBOL"]);
});

Deno.test("parseSymbols() names the line that holds no symbol", () => {
  assertThrows(
    () => parseSymbols("AAPL\n<html>\n"),
    RangeError,
    'line 2: current value is "<html>"',
  );
});

// ---- states -------------------------------------------------------------------------------------

/** Every transition there is, written out by hand; what is not here is refused. */
const TRANSITIONS: readonly (readonly [JobState, JobEvent, JobState])[] = [
  ["pending", "start", "running"],
  ["pending", "cancel", "cancelled"],
  ["running", "pause", "pausing"],
  ["running", "cancel", "cancelling"],
  ["running", "finish", "done"],
  ["running", "fail", "failed"],
  ["pausing", "resume", "running"],
  ["pausing", "cancel", "cancelling"],
  ["pausing", "stopped", "paused"],
  ["pausing", "finish", "done"],
  ["pausing", "fail", "failed"],
  ["paused", "resume", "running"],
  ["paused", "cancel", "cancelled"],
  ["cancelling", "stopped", "cancelled"],
  ["cancelling", "finish", "done"],
  ["cancelling", "fail", "failed"],
  ["failed", "resume", "running"],
  ["failed", "cancel", "cancelled"],
];

Deno.test("nextJobState() allows these transitions and no other", () => {
  for (const state of JOB_STATES) {
    for (const event of JOB_EVENTS) {
      const expected = TRANSITIONS.find(([from, on]) => from === state && on === event);
      const found = nextJobState(state, event);
      assertEquals(found.ok ? found.state : null, expected?.[2] ?? null, `${state} ${event}`);
    }
  }
});

Deno.test("nextJobState() says in a refusal what is expected and what is", () => {
  const refused = nextJobState("done", "pause");
  assertEquals(refused, {
    ok: false,
    reason: "Cannot pause job: expected one that is running: current value is done",
  });
});

Deno.test("isFinal() holds for jobs that are done or cancelled", () => {
  assertEquals(JOB_STATES.filter(isFinal), ["cancelled", "done"]);
});

Deno.test("recoveredJobState() leaves no job on its way", () => {
  const after = JOB_STATES.map(recoveredJobState);
  const expected = [
    "pending",
    "pending",
    "paused",
    "paused",
    "cancelled",
    "cancelled",
    "done",
    "failed",
  ];
  assertEquals(after, expected);
});

// ---- checkpoints --------------------------------------------------------------------------------

function checkpoint(changes: Partial<Checkpoint> = {}): Checkpoint {
  const recorder = new RunRecorder({ clock: new VirtualClock(), runId: "r1", job: "nightly" });
  recorder.call({ endpoint: "eod", ok: true, tookMs: 150 });
  return {
    job: "nightly",
    plan: planHash(["A", "B"]),
    serial: 7,
    savedMs: 1_700_000_000_000,
    items: 500,
    done: "0-100,200-300",
    report: recorder.snapshot(),
    ...changes,
  };
}

Deno.test("encodeCheckpoint() writes JSON that decodeCheckpoint() reads back the same", () => {
  const written = checkpoint();
  const text = encodeCheckpoint(written);
  assertStrictEquals(JSON.parse(text).body.version, 1);
  assertEquals(decodeCheckpoint(text), { ok: true, checkpoint: written });
});

Deno.test("encodeCheckpoint() sums by FNV-1a as published", () => {
  // Test vectors of the FNV draft are over octets; of an ASCII body characters are octets.
  const { checksum } = JSON.parse(encodeCheckpoint(checkpoint()));
  const text = encodeCheckpoint(checkpoint());
  const body = new TextEncoder().encode(text.slice(text.indexOf('"body":') + 7, -1));
  let hash = 2_166_136_261n;
  for (const octet of body) hash = ((hash ^ BigInt(octet)) * 16_777_619n) % 2n ** 32n;
  assertStrictEquals(checksum, hash.toString(16).padStart(8, "0"));
});

Deno.test("decodeCheckpoint() refuses a record with any one character changed", () => {
  const text = encodeCheckpoint(checkpoint());
  const random = seededRandom(seedOf("decodeCheckpoint() damage"));
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at) ^ (1 + Math.floor(random.next() * 127));
    const damaged = text.slice(0, at) + String.fromCharCode(code) + text.slice(at + 1);
    assertStrictEquals(decodeCheckpoint(damaged).ok, false, `character ${at}`);
  }
});

Deno.test("decodeCheckpoint() refuses a record that was cut off anywhere, or has a tail", () => {
  const text = encodeCheckpoint(checkpoint());
  for (let length = 0; length < text.length; length++) {
    assertStrictEquals(decodeCheckpoint(text.slice(0, length)).ok, false, `${length} characters`);
  }
  assertStrictEquals(decodeCheckpoint(`${text}}`).ok, false);
});

Deno.test("decodeCheckpoint() refuses a record of a later version", () => {
  const later = { ...checkpoint(), version: 2 };
  const decoded = decodeCheckpoint(encodeCheckpoint(later));
  assertEquals(decoded, { ok: false, why: "expected version 1: current value is 2" });
});

Deno.test("planHash() tells plans apart that a plain join would not", () => {
  const hashes = [
    planHash(["A", "B"]),
    planHash(["B", "A"]),
    planHash(["A"]),
    planHash(["A\nB"]),
    planHash(["A", "B", ""]),
    planHash([]),
  ];
  assertStrictEquals(new Set(hashes).size, hashes.length);
  // printf '"A"\n"B"\n' | sha256sum
  assertStrictEquals(planHash(["A", "B"]), "a3e043f623a2ecb3");
});

const OWNER = { job: "nightly", plan: planHash(["A", "B"]) };
const record = (key: string, changes: Partial<Checkpoint>) => ({
  key,
  text: encodeCheckpoint(checkpoint(changes)),
});

Deno.test("latestGood() takes the record with the largest serial number", () => {
  const records = [record("a", { serial: 8 }), record("b", { serial: 9 })];
  assertStrictEquals(latestGood(records, OWNER).checkpoint?.serial, 9);
  assertStrictEquals(latestGood(records.reverse(), OWNER).checkpoint?.serial, 9);
});

Deno.test("latestGood() falls back on the other generation when one is damaged", () => {
  const newer = record("b", { serial: 9 });
  const cut = { ...newer, text: newer.text.slice(0, -20) };
  const { checkpoint: found, refused } = latestGood([record("a", { serial: 8 }), cut], OWNER);
  assertStrictEquals(found?.serial, 8);
  assertEquals(refused.map(({ key }) => key), ["b"]);
});

Deno.test("latestGood() mixes no jobs whose names begin alike, and no plans", () => {
  const records = [
    record("a", { job: "nightly_2", serial: 20 }),
    record("b", { job: "night", serial: 30 }),
    record("c", { plan: planHash(["B", "A"]), serial: 40 }),
  ];
  const { checkpoint: found, refused } = latestGood(records, OWNER);
  assertStrictEquals(found, null);
  assertStrictEquals(refused.length, 3);
});

Deno.test("generationOf() never writes over the record before", () => {
  for (let serial = 0; serial < 10; serial++) {
    assert(generationOf(serial) !== generationOf(serial + 1));
  }
});

Deno.test("expiredCheckpoints() clears away after 7 days what no job needs", () => {
  const nowMs = 1_700_000_000_000;
  assertStrictEquals(CHECKPOINT_KEPT_MS, 604_800_000);
  const records = [
    { key: "old", job: "x", savedMs: nowMs - 604_800_000 },
    { key: "young", job: "x", savedMs: nowMs - 604_799_999 },
    { key: "paused", job: "y", savedMs: 0 },
    { key: "ahead", job: "z", savedMs: nowMs + 1 },
  ];
  assertEquals(expiredCheckpoints(records, new Set(["y"]), nowMs), ["old"]);
});
