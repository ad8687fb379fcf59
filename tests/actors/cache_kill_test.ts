/** SIGKILL between a commit and the invalidation that it calls for: nothing stale is read after. */

import { assertEquals, assertNotEquals } from "@std/assert";
import { fileURLToPath } from "node:url";

const CHILD = fileURLToPath(new URL("./cache_kill_child.ts", import.meta.url));

async function run(folder: string, step: string) {
  const { stdout, stderr, signal, success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", CHILD, folder, step],
    stdin: "null",
  }).output();
  const text = new TextDecoder().decode(stdout).trim();
  const error = new TextDecoder().decode(stderr);
  return { signal, success, said: text === "" ? null : JSON.parse(text), error };
}

Deno.test("a process killed between commit and invalidation leaves nothing stale in the second tier", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const filled = await run(folder, "fill");
    assertEquals([filled.success, filled.said?.seq], [true, 1], filled.error);
    const [before, spared] = filled.said.found;
    // Both are in the tier: another process finds them there.
    const again = await run(folder, "read");
    assertEquals(again.said?.found, [{ ...before, tier: "l2" }, { ...spared, tier: "l2" }]);

    const killed = await run(folder, "kill");
    assertEquals([killed.signal, killed.said], ["SIGKILL", null], killed.error);

    const after = await run(folder, "read");
    // The commit was durable, and what it touched is computed anew; what it did not is still there.
    assertEquals(after.said?.seq, 2, after.error);
    const [touched, other] = after.said.found;
    assertEquals(touched.tier, "upstream");
    assertNotEquals(touched.close, before.close);
    assertEquals(other, { ...spared, tier: "l2" });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
