/** One call against a receiver that is slow, fails, closes early, or sends elsewhere. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  failureOf,
  fetchWebhook,
  outcomeOf,
  webhookRequest,
} from "../../../src/http/webhook/call.ts";
import { assertWebhooks, isWebhookUrl, shownUrl } from "../../../src/http/webhook/options.ts";
import { hangUp, Receiver, SECRET, status } from "./receiver.ts";

const BODY = '{"labels":[]}';

function call(receiver: Receiver, signal = new AbortController().signal) {
  const spec = { name: "desk", url: receiver.url, secret: SECRET };
  return fetchWebhook(webhookRequest(spec, BODY, Date.now()), signal);
}

Deno.test("fetchWebhook() posts the signed body and gives the status", async () => {
  await using receiver = await Receiver.start();
  assertEquals(await call(receiver), { status: 204, retryAfter: null });
  const [delivery] = receiver.deliveries;
  assertEquals([delivery?.path, delivery?.body, delivery?.isSigned], ["/labels", BODY, true]);
});

Deno.test("fetchWebhook() gives a failure with the pause that it asks for", async () => {
  await using receiver = await Receiver.start();
  receiver.answer = status(503, { "retry-after": "7" });
  const answer = await call(receiver);
  assertEquals(answer, { status: 503, retryAfter: "7" });
  const outcome = outcomeOf(answer);
  assert(outcome.state === "failed");
  assertEquals([outcome.code, outcome.retryAfterMs], ["status", 7_000]);
});

Deno.test("fetchWebhook() does not follow a redirect", async () => {
  await using receiver = await Receiver.start();
  for (const code of [301, 302, 303, 307, 308]) {
    receiver.answer = status(code, { location: `http://127.0.0.1:${receiver.port}/elsewhere` });
    assertEquals((await call(receiver)).status, code);
  }
  assertEquals(new Set(receiver.deliveries.map(({ path }) => path)), new Set(["/labels"]));
});

Deno.test("fetchWebhook() rejects when the receiver closes early or is not there", async () => {
  const receiver = await Receiver.start();
  const { url } = receiver;
  receiver.answer = hangUp;
  const closed = await assertRejects(() => call(receiver));
  assertEquals(failureOf(closed, url).code, "unreachable");
  await receiver[Symbol.asyncDispose]();
  const spec = { name: "desk", url: `${url}?key=hidden-key`, secret: SECRET };
  const request = webhookRequest(spec, BODY, Date.now());
  const gone = await assertRejects(() => fetchWebhook(request, new AbortController().signal));
  const { code, message } = failureOf(gone, spec.url);
  assertEquals(code, "unreachable");
  assert(!message.includes("hidden-key"), message);
});

Deno.test("fetchWebhook() is given up by its signal", async () => {
  await using receiver = await Receiver.start();
  receiver.answer = () => {};
  const abort = new AbortController();
  const asked = call(receiver, abort.signal);
  await receiver.until(() => receiver.deliveries.length === 1);
  abort.abort();
  await assertRejects(() => asked);
});

Deno.test("fetchWebhook() does not read an answer that has no end", async () => {
  await using receiver = await Receiver.start();
  receiver.answer = (response) => void response.writeHead(200).write("x".repeat(10_000));
  assertEquals((await call(receiver)).status, 200);
});

Deno.test("shownUrl() leaves out what may be secret", () => {
  assertEquals(shownUrl("https://a.example/x?key=1#z"), "https://a.example/x?…");
  assertEquals(shownUrl("http://127.0.0.1:90/"), "http://127.0.0.1:90/");
});

Deno.test("isWebhookUrl() takes http and https without a password", () => {
  for (const url of ["http://127.0.0.1:1/x", "https://a.example", "http://[::1]:8/"]) {
    assert(isWebhookUrl(url), url);
  }
  for (
    const url of ["ftp://a", "file:///etc/passwd", "a.example", "", "http://u:p@a", "http://u@a"]
  ) {
    assert(!isWebhookUrl(url), url);
  }
});

Deno.test("assertWebhooks() refuses what cannot be delivered to, and shows no secret", () => {
  const spec = { name: "desk", url: "http://a.example/", secret: SECRET };
  assertWebhooks([spec, { ...spec, name: "other", series: ["A:M1"], after: 0 }]);
  const wrong = [
    [spec, spec],
    [{ ...spec, url: "ftp://a" }],
    [{ ...spec, secret: "short-secret" }],
    [{ ...spec, series: [] }],
    [{ ...spec, after: -1 }],
    Array.from({ length: 17 }, (_, i) => ({ ...spec, name: `n${i}` })),
  ];
  for (const specs of wrong) {
    let message = "";
    try {
      assertWebhooks(specs);
    } catch (error) {
      assert(error instanceof RangeError);
      message = error.message;
    }
    assert(message.startsWith("Cannot use "), message);
    assert(!message.includes("secret-"), message);
  }
});
