import { assert, assertEquals, assertStringIncludes } from "@std/assert";

const helper = new URL("../support/services.ts", import.meta.url).href;

/** Asks for erlang in a process that finds no program at all. */
async function askWithoutPrograms(env: Record<string, string>) {
  const code = `import { serviceOrSkip } from ${JSON.stringify(helper)};
    serviceOrSkip("erlang");
    console.log(JSON.stringify(serviceOrSkip("erlang")));`;
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-config", code],
    env: { PATH: "/nowhere", WICK_TEST_SERVICES: "", NO_COLOR: "1", ...env },
  }).output();
  const decoder = new TextDecoder();
  return { success, output: decoder.decode(stdout).trim(), errors: decoder.decode(stderr) };
}

Deno.test("serviceOrSkip() skips with one notice what the machine lacks", async () => {
  const { success, output } = await askWithoutPrograms({});
  assert(success);
  assertEquals(output.split("\n"), [
    "skipped: tests that need erlang (Debian package erlang-base)",
    '{"ignore":true}',
  ]);
});

Deno.test("serviceOrSkip() fails when services are required", async () => {
  const { success, errors } = await askWithoutPrograms({ WICK_TEST_SERVICES: "required" });
  assert(!success);
  assertStringIncludes(errors, "Cannot test with erlang (Debian package erlang-base)");
});
