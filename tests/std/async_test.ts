import { deadline, delay } from "@std/async";
import { assert, assertEquals, assertLess, assertRejects } from "@std/assert";
import { getEventListeners } from "node:events";

const never = () => new Promise<never>(() => {});

Deno.test("delay() resolves after its time, not before", async () => {
  const startMs = performance.now();
  await delay(30);
  // A timer may fire a fraction of a millisecond early by the finer clock.
  assert(performance.now() - startMs >= 29);
});

Deno.test("delay() of zero, less or NaN yields to the timers once", async () => {
  for (const ms of [0, -5, NaN]) {
    let fired = false;
    setTimeout(() => fired = true, 0);
    await delay(ms);
    assert(fired);
  }
});

Deno.test("delay() of more than 2^31 ms does not fire at once", async () => {
  const controller = new AbortController();
  let done = false;
  const long = delay(2 ** 40, { signal: controller.signal }).then(() => done = true);
  await delay(20);
  assertEquals(done, false);
  controller.abort(new Error("enough"));
  await assertRejects(() => long, Error, "enough");
});

Deno.test("delay() rejects with the signal's reason and ends its timer", async () => {
  const controller = new AbortController();
  const startMs = performance.now();
  const waiting = delay(60_000, { signal: controller.signal });
  controller.abort(new RangeError("stop"));
  await assertRejects(() => waiting, RangeError, "stop");
  assertLess(performance.now() - startMs, 30_000);
});

Deno.test("delay() rejects at once when its signal is aborted already", async () => {
  await assertRejects(() => delay(60_000, { signal: AbortSignal.abort() }), DOMException);
});

Deno.test("delay() removes its listener when it is done", async () => {
  const { signal } = new AbortController();
  await delay(1, { signal });
  assertEquals(getEventListeners(signal, "abort").length, 0);
});

Deno.test("delay() that is not persistent lets the process end", async () => {
  const code = `import { delay } from ${
    JSON.stringify(new URL("../../src/std/async.ts", import.meta.url).href)
  }; delay(60_000, { persistent: false });`;
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-config", code],
    signal: AbortSignal.timeout(30_000),
  }).output();
  assert(success);
});

Deno.test("deadline() passes on the value and the error of its promise", async () => {
  assertEquals(await deadline(Promise.resolve(5), 60_000), 5);
  await assertRejects(() => deadline(Promise.reject(new RangeError("x")), 60_000), RangeError, "x");
});

Deno.test("deadline() rejects with TimeoutError when the time is up", async () => {
  const error = await assertRejects(() => deadline(never(), 5), DOMException);
  assertEquals(error.name, "TimeoutError");
});

Deno.test("deadline() rejects with the signal's reason, before or during the wait", async () => {
  const controller = new AbortController();
  const waiting = deadline(never(), 60_000, { signal: controller.signal });
  controller.abort(new RangeError("stop"));
  await assertRejects(() => waiting, RangeError, "stop");
  await assertRejects(
    () => deadline(never(), 60_000, { signal: controller.signal }),
    RangeError,
    "stop",
  );
});

Deno.test("deadline() removes its listener when it is done", async () => {
  const { signal } = new AbortController();
  await deadline(Promise.resolve(), 60_000, { signal });
  assertEquals(getEventListeners(signal, "abort").length, 0);
});
