import { assert, assertStringIncludes } from "@std/assert";

const script = new URL("../../scripts/test.ts", import.meta.url).href;

async function run(...args: string[]) {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    // Should the script start tests after all, then not these again.
    env: { WICK_INSIDE_TESTS: "1", NO_COLOR: "1" },
    stdout: "null",
    signal: AbortSignal.timeout(60_000),
  }).output();
  return { success, errors: new TextDecoder().decode(stderr) };
}

Deno.test("scripts/test.ts does nothing when it is only loaded", async () => {
  // `deno test` without a path takes it, by its name, for a test.
  const { success } = await run("eval", "--no-config", `await import(${JSON.stringify(script)});`);
  assert(success);
});

Deno.test("scripts/test.ts refuses to run inside a test", async () => {
  const { success, errors } = await run("run", "--no-config", "-A", script);
  assert(!success);
  assertStringIncludes(errors, "a test has started them");
});
