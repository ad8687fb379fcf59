/** `wick refresh` against a service with real edges, clusters and runs. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { completionScript, SHELLS } from "../../src/cli/completion_scripts.ts";
import { commandHelp } from "../../src/cli/help.ts";
import type { CliIo } from "../../src/cli/io.ts";
import { REFRESH } from "../../src/cli/refresh.ts";
import { palette } from "../../src/cli/text.ts";
import { EDGE_CHANGES_MAX } from "../../src/http/refresh_input.ts";
import type { MemoryRefresh } from "../http/refresh_service.ts";
import { ACT, READ, type Served, served } from "../http/support.ts";
import { envOf, linesOf, type Ran, run } from "./support.ts";

/** Words of a command, or a list of them with what differs of the world. */
type Call = (...words: string[]) => Promise<Ran>;

/** Files that the tests name, by path; `-` is standard input. */
const FILES: Readonly<Record<string, string>> = {
  "run.json": JSON.stringify({
    runId: "pairs",
    edges: [{ edgeId: "A", value: 0.5 }, { edgeId: "B", value: 0.6 }, { edgeId: "C", value: 0.7 }],
    sets: [
      { setId: "A+B", members: ["A", "B"] },
      { setId: "A+C", members: ["A", "C"] },
      { setId: "B+C", members: ["B", "C"] },
    ],
  }),
  "two.json": '{"runId":"two","edges":[{"edgeId":"A","value":1}]}',
  "matrix.json": JSON.stringify({
    kind: "matrix",
    edges: ["A", "B", "C"],
    rows: [[1, 0.8, -0.1], [0.8, 1, null], [-0.1, null, 1]],
  }),
  "changes.ndjson": '{"edgeId":"A","magnitude":1}\n\n{"edgeId":"C","magnitude":0.1,"value":9}\n',
  "array.json": '[{"edgeId":"A","magnitude":1},{"edgeId":"B","magnitude":0.5}]',
  "bad.ndjson": '{"edgeId":"A","magnitude":1}\n\n{"edgeId":"A","magnitude":-1}\n',
  "broken.ndjson": '{"edgeId":"A","magnitude":1}\n{"edgeId":\n',
  "badarray.json": '[{"edgeId":"A","magnitude":1},{"edgeId":7,"magnitude":1}]',
  "empty.ndjson": "\n \n",
  "broken.json": "{",
};

/** The world with these files; standard input is that of `-`. */
function worldOf(files: Readonly<Record<string, string>>): Partial<CliIo> {
  const read = (path: string) => {
    const text = files[path];
    return text === undefined
      ? Promise.reject(new Deno.errors.NotFound(path))
      : Promise.resolve(text);
  };
  return { readText: read, readInput: () => read("-") };
}

/** A test over a service and its edges and runs. */
function test(
  name: string,
  body: (refresh: Call, service: MemoryRefresh, to: Served) => Promise<void>,
) {
  Deno.test(`wick refresh ${name}`, async () => {
    await using to = await served();
    const call = (...words: string[]) =>
      run(["refresh", ...words, "--url", to.url], {}, worldOf(FILES));
    await body(call, to.service.refresh as MemoryRefresh, to);
  });
}

// ---- runs ---------------------------------------------------------------------------------------

test("create makes a run out of a file, which runs and run show", async (refresh) => {
  const made = await refresh("create", "run.json");
  assertEquals([made.code, made.out], [0, ""]);
  assertEquals(made.err, "wick refresh: run pairs made over 3 edges in 3 sets\n");
  const runs = await refresh("runs");
  assertEquals(runs.code, 0);
  assertMatch(
    runs.out,
    /^run +state +edges +sets +refreshes +refreshed +score +published\n/,
  );
  assertMatch(runs.out, /^pairs +fresh +3 +3 +1 +2026-03-03 15:00:00 +0\.42000 +B\+C$/m);
  const one = await refresh("run", "pairs");
  assertEquals([one.code, one.err], [0, ""]);
  assertMatch(one.out, /^run +pairs\nstate +fresh\npublished +B\+C 0\.42\n/);
  assertMatch(one.out, /^refreshes +1: 0 partial of 0 wanted, 1 full$/m);
  assertMatch(one.out, /^sets +3 scored: 3 changed, 0 did not$/m);
  const json = JSON.parse((await refresh("run", "pairs", "--json")).out);
  assertEquals([json.runId, json.publishedBest.setId], ["pairs", "B+C"]);
  const [first] = JSON.parse((await refresh("runs", "--json")).out);
  assertEquals(first, json);
});

test("create takes standard input, and says what the service refuses", async (_, service, to) => {
  const create = (text: string, ...words: string[]) =>
    run(["refresh", "create", "-", "--url", to.url, ...words], {}, worldOf({ "-": text }));
  const made = await create(FILES["run.json"] ?? "", "--json");
  assertEquals([made.code, made.err, JSON.parse(made.out).sets], [0, "", 3]);
  const again = await create(FILES["run.json"] ?? "");
  assertEquals([again.code, again.out], [1, ""]);
  assertMatch(
    again.err,
    /^wick refresh: Cannot make run pairs: there is one of that id.*\(409\)$/m,
  );
  const wrong = await create('{"runId":"x","edges":[{"edgeId":"A"}],"sets":[]}');
  assertEquals(wrong.code, 1);
  assertMatch(wrong.err, /edges\.0\.value: .*\(422\)$/m);
  const neither = await create(FILES["two.json"] ?? "");
  assertMatch(neither.err, /expected sets or a generator, and not both.*\(422\)$/m);
  assertEquals(service.told.filter(([name]) => name === "createRun").length, 2);
});

test("runs of a service without any is one line", async (refresh) => {
  assertEquals((await refresh("runs")).out, "No runs\n");
  assertEquals((await refresh("runs", "--json")).out, "[]\n");
});

test("now and rebuild print what came of it", async (refresh, service) => {
  await refresh("create", "run.json");
  service.told.length = 0;
  service.changeRun("pairs", {
    ...{ removeSets: [], removeEdges: [], addEdges: [], addSets: [] },
    values: [{ edgeId: "A", value: 0.9 }],
  });
  const stale = await refresh("run", "pairs");
  assertMatch(stale.out, /^state +stale: 1 change since the last refresh$/m);
  const now = await refresh("now", "pairs");
  assertEquals([now.code, now.err], [0, ""]);
  assertMatch(now.out, /^run +pairs\nrefresh +succeeded: /);
  assertMatch(now.out, /^best +A\+C 0\.63$/m);
  assertMatch(now.out, /^published +A\+C 0\.63 \(moved\)\nbefore +B\+C 0\.42$/m);
  await refresh("now", "pairs", "--no-fallback");
  const full = await refresh("rebuild", "pairs", "--json");
  assertEquals(JSON.parse(full.out).kind, "full");
  assertEquals(service.told.slice(1), [
    ["refresh", ["pairs", "with_fallback"]],
    ["refresh", ["pairs", "refresh"]],
    ["refresh", ["pairs", "rebuild"]],
  ]);
});

test(
  "now exits with 1 when a set has no score, with 75 when it may later",
  async (refresh, service) => {
    await refresh("create", "run.json");
    service.answer = { state: "busy" };
    const busy = await refresh("now", "pairs");
    assertEquals([busy.code, busy.out], [75, ""]);
    assertMatch(busy.err, /as many refreshes wait as may .*\(503\); try again in \d+ ms/);
    service.answer = { state: "cancelled" };
    assertMatch((await refresh("rebuild", "pairs")).err, /it was removed, or stopped.*\(409\)/);
    service.answer = null;
    // The product of values has no score where one is negative.
    service.changeRun("pairs", {
      ...{ removeSets: [], removeEdges: [], addEdges: [], addSets: [] },
      values: [{ edgeId: "A", value: -1 }],
    });
    const failed = await refresh("now", "pairs", "--no-fallback");
    assertEquals(failed.code, 1);
    assertMatch(failed.out, /^refresh +failed: /m);
    assertMatch(failed.out, /^fault +scorer: /m);
    const rest = await refresh("run", "pairs");
    assertMatch(rest.out, /2 sets without a score: the scorer throws on them/);
    assertMatch(rest.out, /^ +1 failed|^ +0 failed/m);
  },
);

test("explain says what a refresh would do, and how a set stands", async (refresh) => {
  await refresh("create", "run.json");
  const { code, out } = await refresh("explain", "pairs", "--set", "A+B");
  assertEquals(code, 0);
  assertMatch(out, /^scorer +product: /m);
  assertMatch(out, /^waiting +0 changed edges, 0 sets to be looked at$/m);
  assertMatch(out, /^published +value\nB +0\.60000\nC +0\.70000$/m);
  assertMatch(out, /^set +A\+B\nstate +up to date\nlast score +0\.3$/m);
  assertMatch(out, /^score now +0\.3$/m);
  assertMatch(out, /^member +value\nA +0\.50000\nB +0\.60000$/m);
  assertMatch(out, /^2026-03-03 15:00:00 +published +B\+C 0\.42, first$/m);
  const none = await refresh("explain", "pairs", "--set", "A+Z");
  assertEquals(none.code, 1);
  assertMatch(none.err, /run pairs has none of that id/);
  assertEquals(JSON.parse((await refresh("explain", "pairs", "--json")).out).set, null);
});

test("remove removes a run; one that is not there is an error", async (refresh) => {
  await refresh("create", "run.json");
  const { code, out, err } = await refresh("remove", "pairs");
  assertEquals([code, out, err], [0, "", "wick refresh: run pairs removed\n"]);
  for (const verb of ["remove", "run", "explain", "now", "rebuild"]) {
    const none = await refresh(verb, "pairs");
    assertEquals([none.code, none.out], [1, ""], verb);
    assertMatch(none.err, /^wick refresh: Cannot find run pairs: there is none.*\(404\)$/m);
  }
});

test("stats is what it does without an action", async (refresh) => {
  await refresh("create", "run.json");
  const { code, out } = await refresh();
  assertEquals(code, 0);
  assertMatch(out, /^runs +1, none stale\nrefreshes +0 partial, 1 full\n/);
  assertMatch(out, /^busy +25\.0 % of the last seconds$/m);
  assertMatch(out, /^mode +normal since 2026-03-03 15:00:00$/m);
  assertMatch(out, /^instruments +2 followed up to commit 7$/m);
  assertMatch(out, /^simulated +closed +3 +1$/m);
  assertMatch(out, /^silent +no answer +0 +0$/m);
  assertEquals((await refresh("stats")).out, out);
  const json = JSON.parse((await refresh("--json")).out);
  assertEquals([json.runs, json.gate.mode], [1, "normal"]);
});

test("scorers lists them with what they are", async (refresh) => {
  const { code, out } = await refresh("scorers");
  assertEquals(code, 0);
  assertMatch(out, /^product +\S/m);
  assertMatch(out, /^mean_variance +\S/m);
  assertEquals(JSON.parse((await refresh("scorers", "--json")).out).length, 2);
});

// ---- edges and clusters -------------------------------------------------------------------------

test("correlations come from a file, and are taken back", async (refresh, service) => {
  await refresh("changes", "array.json");
  const taken = await refresh("correlations", "matrix.json");
  assertEquals([taken.code, taken.out], [0, ""]);
  assertMatch(taken.err, /^wick refresh: taken: \d+ edges in \d+ clusters?$/m);
  const [pair] = JSON.parse((await refresh("clusters", "--min", "2", "--json")).out);
  assertEquals(pair.members, ["A", "B"]);
  const { out } = await refresh("clusters", "--min", "2");
  assertMatch(out, /^cluster +edges +impact +state +last change +with\nA +2 +0\.\d{3} +\S+ /);
  const block = await refresh("cluster", "A");
  assertEquals(block.code, 0);
  assertMatch(block.out, /^cluster +A\nedges +2\nas of +2026-03-03 15:00:00, worked out now\n/);
  assertMatch(block.out, /^ +edge +1 +2\n1 +A +1\.00 +0\.80\n2 +B +0\.80 +1\.00\n$/m);
  const edge = await refresh("edge", "A");
  assertMatch(edge.out, /^edge +A\ncluster +A, with 1 other edge\n/);
  assertMatch(edge.out, /^correlations +handed in: /m);
  assertMatch(edge.out, /^connected +above 0\.4, of either sign$/m);
  assertMatch(edge.out, /^B +0\.8000 +connects$/m);
  const back = await refresh("correlations", "--forget");
  assertMatch(back.err, /^wick refresh: taken back: /);
  assertEquals(service.told.at(-1), ["setCorrelations", null]);
  assertMatch((await refresh("edge", "A")).out, /^correlations +not known: /m);
});

test("edge and cluster say what there is not", async (refresh) => {
  for (const verb of ["edge", "cluster"]) {
    const { code, out, err } = await refresh(verb, "a/b %");
    assertEquals([code, out], [1, ""]);
    assertMatch(err, /there is none.*\(404\)/);
  }
});

test("change records one change, and prints what it set off", async (refresh, service) => {
  const { code, out } = await refresh(
    ...["change", "EUR_USD", "--magnitude", "1", "--value", "0.8", "--type", "price_move"],
  );
  assertEquals(code, 0);
  assertMatch(out, /^1 change taken, 0 refused\nset off +edges +impact\nEUR_USD +1 +0\.300\n$/);
  assertEquals(service.told, [["recordEdgeChanges", [
    { edgeId: "EUR_USD", type: "price_move", magnitude: 1, value: 0.8 },
  ]]]);
  const small = await refresh("change", "EUR_USD", "--magnitude", "0");
  assertMatch(small.out, /no cluster was set off\n$/);
  const wrong = await refresh("change", "EUR_USD", "--magnitude=-1");
  assertEquals(wrong.code, 1);
  assertMatch(wrong.err, /magnitude.*>=0.*\(422\)/);
});

test(
  "changes takes lines or an array, and exits with 1 when one is refused",
  async (refresh, service) => {
    const lines = await refresh("changes", "changes.ndjson");
    assertEquals(lines.code, 0);
    assertMatch(lines.out, /^2 changes taken, 0 refused\n/);
    const array = JSON.parse((await refresh("changes", "array.json", "--json")).out);
    assertEquals([array.recorded, array.refused], [2, []]);
    const real = service.recordEdgeChanges.bind(service);
    service.recordEdgeChanges = (changes) => ({
      ...real(changes),
      recorded: changes.length - 1,
      refused: [{ index: 1, reason: "edges" }],
    });
    const refused = await refresh("changes", "changes.ndjson");
    assertEquals(refused.code, 1);
    assertMatch(refused.out, /^1 change taken, 1 refused\nchange 2 refused: edges\n/);
  },
);

Deno.test("wick refresh changes sends many in several requests, and counts through", async () => {
  await using to = await served();
  const service = to.service.refresh as MemoryRefresh;
  const count = EDGE_CHANGES_MAX + 5;
  const text = Array.from(
    { length: count },
    (_, i) => JSON.stringify({ edgeId: `E${i % 100}`, magnitude: 0.001 }),
  ).join("\n");
  const real = service.recordEdgeChanges.bind(service);
  const sizes: number[] = [];
  service.recordEdgeChanges = (changes) => {
    sizes.push(changes.length);
    const last = changes.length - 1;
    return { ...real(changes), recorded: last, refused: [{ index: last, reason: "at" }] };
  };
  const words = ["refresh", "changes", "-", "--json", "--url", to.url];
  const { code, out } = await run(words, {}, worldOf({ "-": text }));
  assertEquals([code, sizes], [1, [EDGE_CHANGES_MAX, 5]]);
  const { recorded, refused } = JSON.parse(out);
  assertEquals(recorded, count - 2);
  assertEquals(refused, [
    { index: EDGE_CHANGES_MAX - 1, reason: "at" },
    { index: count - 1, reason: "at" },
  ]);
  // The second request fails: what went in before is said.
  service.recordEdgeChanges = (changes) => {
    if (changes.length === 5) throw new Error("down");
    return real(changes);
  };
  const half = await run(words, {}, worldOf({ "-": text }));
  assertEquals([half.code, half.out], [1, ""]);
  assertMatch(half.err, /\(500\); 10,000 changes before it went in$/m);
});

test("says what is wrong with a file before anything is sent", async (refresh, service) => {
  const cases: [string[], RegExp][] = [
    [
      ["changes", "bad.ndjson"],
      /Cannot read bad\.ndjson: line 3 at magnitude: .*>=0: current value is -/,
    ],
    [["changes", "broken.ndjson"], /Cannot read broken\.ndjson: line 2: expected JSON: /],
    [
      ["changes", "badarray.json"],
      /Cannot read badarray\.json: change 2 at edgeId: expected string/,
    ],
    [["changes", "empty.ndjson"], /expected at least one change: current value is none/],
    [["changes", "-"], /Cannot read standard input: there is no such file/],
    [["changes", "no.ndjson"], /Cannot read no\.ndjson: there is no such file/],
    [["create", "broken.json"], /Cannot read broken\.json: expected JSON: /],
    [["create", "no.json"], /Cannot read no\.json: there is no such file/],
    [["correlations", "broken.json"], /Cannot read broken\.json: expected JSON: /],
  ];
  for (const [words, message] of cases) {
    const { code, out, err } = await refresh(...words);
    assertEquals([code, out], [2, ""], `${words}: ${err}`);
    assertMatch(err, message);
  }
  assertEquals(service.told, []);
});

// ---- words, rights, help ------------------------------------------------------------------------

test("says what is wrong with its words before it asks", async (refresh, service) => {
  const cases: [string[], RegExp][] = [
    [["stat"], /expected stats, runs, .* current value is "stat"; did you mean stats\?/],
    [["stats", "x"], /expected nothing after stats: current value is "x"/],
    [["runs", "x"], /expected nothing after runs/],
    [["clusters", "x"], /expected nothing after clusters/],
    [["run"], /no ID given; see wick refresh --help/],
    [["cluster"], /no ID given/],
    [["edge"], /no EDGE given/],
    [["create"], /no FILE given/],
    [["correlations"], /no FILE given/],
    [["correlations", "matrix.json", "--forget"], /expected nothing after correlations --forget/],
    [["run", "a/b"], /Cannot use ID: expected 1 to 64 letters, .* current value is "a\/b"/],
    [["remove", ".."], /Cannot use ID: .* current value is "\.\."/],
    [["change", "A"], /no --magnitude given/],
    [["change", "A", "--magnitude", "x"], /--magnitude: expected a number: current value is "x"/],
    [["change", "A", "--magnitude", "1", "--type", "prize_move"], /did you mean price_move\?/],
    [["runs", "--set", "x"], /Cannot use --set with runs: it is for explain/],
    [["rebuild", "a", "--no-fallback"], /Cannot use --no-fallback with rebuild: it is for now/],
    [["--min", "3"], /Cannot use --min with stats: it is for clusters/],
    [["changes", "a", "b"], /at most 2/],
    [["clusters", "--min", "0"], /--min: expected a whole number of 1 to .* current value is 0/],
    [["clusters", "--min", "1.5"], /--min: expected a whole number .* current value is 1\.5/],
    [["now", "a", "--wait-ms", "0"], /--wait-ms: expected a whole number .* current value is 0/],
    [["rebuild", "a", "--wait-ms", "4e6"], /--wait-ms: .* current value is 4000000/],
    [["run", ""], /expected ACTION \[ID\|EDGE\|FILE\]: current value is ""/],
  ];
  for (const [words, message] of cases) {
    const { code, out, err } = await refresh(...words);
    assertEquals([code, out], [2, ""], `${words}: ${err}`);
    assertMatch(err, message);
  }
  assertEquals(service.told, []);
});

test("exits with 1 where nothing is refreshed", async (refresh, _service, to) => {
  to.service.refresh = null;
  for (const words of [[], ["runs"], ["now", "a"], ["clusters"], ["create", "run.json"]]) {
    const { code, err } = await refresh(...words);
    assertEquals(code, 1);
    assertMatch(err, /Cannot refresh: this service has no edges and runs.*\(404\)/);
  }
});

Deno.test("wick refresh changes nothing with the token to read", async () => {
  await using to = await served({ tokens: { act: ACT, read: READ } });
  const refresh = (token: string, ...words: string[]) =>
    run(["refresh", ...words, "--url", to.url], {}, {
      ...worldOf(FILES),
      ...envOf({ WICK_TOKEN: token }),
    });
  for (const words of [[], ["runs"], ["clusters"], ["scorers"]]) {
    assertEquals((await refresh(READ, ...words)).code, 0, words.join(" "));
  }
  const acts = [
    ["create", "run.json"],
    ["now", "pairs"],
    ["rebuild", "pairs"],
    ["remove", "pairs"],
    ["change", "A", "--magnitude", "1"],
    ["changes", "array.json"],
    ["correlations", "matrix.json"],
    ["correlations", "--forget"],
  ];
  for (const words of acts) {
    const { code, err } = await refresh(READ, ...words);
    assertEquals(code, 1, words.join(" "));
    assertMatch(err, /\(403\)/);
  }
  assertEquals(to.service.refresh?.told, []);
  assertEquals((await refresh(ACT, "create", "run.json")).code, 0);
});

Deno.test("wick refresh has help with an example for each action, and completions", () => {
  const help = commandHelp(REFRESH, { columns: 100, paint: palette(false) });
  assertMatch(
    help,
    /^Usage: wick refresh \[OPTION…\] ACTION \[ID\|EDGE\|FILE\]\n\nActions: stats, /,
  );
  const verbs = REFRESH.operand?.verbs ?? [];
  const words = REFRESH.examples.map(({ line }) => /wick refresh ?(\S*)/.exec(line)?.[1]);
  for (const verb of verbs) assert(words.includes(verb === "stats" ? "" : verb), verb);
  const wide = linesOf(help).filter((line) => line.length > 100);
  assertEquals(wide, []);
  for (const shell of SHELLS) {
    const script = completionScript(shell, [REFRESH]);
    for (const verb of verbs) assert(script.includes(verb), verb);
  }
});

Deno.test("every example of wick refresh is a call that would be sent", async () => {
  await using to = await served();
  const [input = ""] = REFRESH.examples.flatMap(({ line }) => /'(\{.*\})'/.exec(line)?.[1] ?? []);
  const files = {
    ...FILES,
    "-": input,
    "correlations.json": FILES["matrix.json"] ?? "",
  };
  for (const { line } of REFRESH.examples) {
    const words = line.replace(/^.*\| (?=wick)/, "").replace(/ \| jq.*$/, "").split(" ").slice(1);
    const { code, err } = await run([...words, "--url", to.url], {}, worldOf(files));
    // Runs and clusters of that name may not be there, but nothing is wrong with the words.
    assert(code !== 2 && !err.includes("(422)"), `${line}: ${err}`);
  }
});
