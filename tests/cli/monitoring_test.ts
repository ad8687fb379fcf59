/** `wick monitoring export` and `test`. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "node:path";
import { parseCommandLine } from "../../src/cli/parse.ts";
import { Exit } from "../../src/cli/exit_code.ts";
import { DASHBOARD_FILE, MONITORING, RULES_FILE } from "../../src/cli/monitoring.ts";
import { served } from "../http/support.ts";
import { ACT } from "../http/support.ts";
import { envOf, fakeIo, inFolder, listed, PARTS, run } from "./support.ts";

async function monitoring(...words: string[]) {
  const request = parseCommandLine(["monitoring", ...words], [MONITORING]);
  assert(request.kind === "call");
  const io = fakeIo();
  const code = await MONITORING.run(request.call, io, PARTS);
  return { code, ...io.text };
}

Deno.test("monitoring export writes rules and a dashboard into a new folder", () =>
  inFolder(async (folder) => {
    const target = join(folder, "new", "here");
    const { code, out, err } = await monitoring("export", target);
    assertEquals([code, out], [Exit.ok, ""]);
    assertMatch(err, /\d+ recordings, \d+ alerts, \d+ queries checked\n$/);
    assertEquals(listed(target), [DASHBOARD_FILE, RULES_FILE]);
    const rules = await Deno.readTextFile(join(target, RULES_FILE));
    assertMatch(rules, /\ngroups:\n {2}- name: "wick_recording"\n/);
    const dashboard = JSON.parse(await Deno.readTextFile(join(target, DASHBOARD_FILE)));
    assertEquals([dashboard.title, dashboard.uid], ["Wick", "wick-service"]);
  }));

Deno.test("monitoring export replaces what is there, with the same bytes", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(join(folder, RULES_FILE), "old");
    await monitoring("export", folder, "--cores", "4");
    const first = await Deno.readTextFile(join(folder, RULES_FILE));
    await monitoring("export", folder, "--cores", "4");
    assertEquals(await Deno.readTextFile(join(folder, RULES_FILE)), first);
    // 60 s of 4 cores.
    assert(first.includes("(increase(wick_process_cpu_seconds_total[1m])) / 240 > 0.8"));
    assertEquals(listed(folder), [DASHBOARD_FILE, RULES_FILE]);
  }));

Deno.test("monitoring export --json says what was written", () =>
  inFolder(async (folder) => {
    const { out } = await monitoring("export", folder, "--json");
    const made = JSON.parse(out);
    assertEquals(made.files, [join(folder, RULES_FILE), join(folder, DASHBOARD_FILE)]);
    assert(made.queries > made.alerts + made.recordings && made.alerts > 20);
  }));

Deno.test("monitoring export says why it cannot write", () =>
  inFolder(async (folder) => {
    const file = join(folder, "file");
    await Deno.writeTextFile(file, "");
    const { code, err } = await monitoring("export", file);
    assertEquals(code, Exit.failed);
    assertMatch(err, /^wick monitoring: Cannot write into .*file: /);
  }));

Deno.test("monitoring refuses what it does not know", async () => {
  for (
    const words of [["export"], ["export", "x", "--cores", "0"], ["export", "x", "--cores=1.5"]]
  ) {
    let message = "";
    await monitoring(...words).catch((error) => message = String(error));
    assertMatch(message, /^UsageError: Cannot/, words.join(" "));
  }
});

Deno.test("monitoring export follows the settings targets and metrics", () =>
  inFolder(async (folder) => {
    const metric = { name: "desk_open_orders", kind: "gauge", help: "Open", alert: { raise: 3 } };
    const variables = {
      WICK_METRICS: JSON.stringify([metric]),
      WICK_TARGETS: JSON.stringify({ cpuRatio: { critical: 0.95 } }),
    };
    const { code } = await run(
      ["monitoring", "export", folder, "--cores", "1"],
      {},
      envOf(variables),
    );
    assertEquals(code, Exit.ok);
    const rules = await Deno.readTextFile(join(folder, RULES_FILE));
    assert(rules.includes("desk_open_orders > 3"));
    assert(rules.includes("(increase(wick_process_cpu_seconds_total[1m])) / 60 > 0.95"));
    const dashboard = await Deno.readTextFile(join(folder, DASHBOARD_FILE));
    assert(dashboard.includes("desk_open_orders"));
  }));

Deno.test("monitoring test says what each sink answered, and fails when one did not take it", async () => {
  await using one = await served();
  const url = ["--url", `http://127.0.0.1:${one.port}`];
  const base = { url: null, code: null, message: null, tookMs: 3 } as const;
  one.service.tested = [{ ...base, name: "log", kind: "log", state: "taken" }];
  const good = await run(["monitoring", "test", ...url], {}, envOf({ WICK_TOKEN: ACT }));
  assertEquals(good.code, Exit.ok, good.err);
  assertMatch(good.out, /^log +taken/m);
  one.service.tested.push({
    ...base,
    name: "desk",
    kind: "webhook",
    state: "failed",
    code: "status",
    message: "expected 2xx: current value is 500",
  });
  const bad = await run(["monitoring", "test", ...url], {}, envOf({ WICK_TOKEN: ACT }));
  assertEquals(bad.code, Exit.failed);
  assertMatch(bad.out, /^desk +not taken +.*current value is 500/m);
  const json = await run(["monitoring", "test", "--json", ...url], {}, envOf({ WICK_TOKEN: ACT }));
  assertEquals(JSON.parse(json.out).sinks.length, 2);
});
