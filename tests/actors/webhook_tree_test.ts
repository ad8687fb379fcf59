/** Webhooks in the whole tree, against a receiver that is slow, fails and hangs up, over a restart. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { calmWalkOf, rowsOf } from "./support.ts";
import { type Answer, hangUp, Receiver, SECRET, status, take } from "../http/webhook/receiver.ts";
import { freePort } from "../cli/serving.ts";
import { inFolder } from "../store/support.ts";
import type { WebhookSpec } from "../../src/http/webhook/options.ts";
import { PATHS, startWick, type Wick, type WickOptions } from "../../actors/tree.ts";
import { Webhook } from "../../actors/protocols.ts";

const SEED = Number(Deno.env.get("WICK_SEED") ?? Math.floor(Math.random() * 2 ** 31));
console.log(`webhook_tree_test seed ${SEED} (WICK_SEED=${SEED} repeats it)`);

const WALK = calmWalkOf(SEED, "EUR_USD:M1", 600);

function started(path: string, webhooks: readonly WebhookSpec[], more: WickOptions = {}) {
  const store = { kind: "sqlite", options: { path } } as const;
  return startWick({ store, workers: 1, webhooks, system: { log: null }, ...more });
}

async function push(wick: Wick, from: number, to: number): Promise<number> {
  const outcome = await wick.pool.ask("ingest", {
    feed: null,
    after: null,
    cursor: null,
    blocks: [rowsOf(WALK, from, to)],
    priority: 5,
    bulk: true,
  });
  assert(outcome.state === "committed", JSON.stringify(outcome));
  return outcome.seq;
}

/** Every row of the log, as `SEQ-ROW`. */
async function logged(wick: Wick): Promise<string[]> {
  const commits = wick.log === null ? null : await wick.log.after(0, 1e9);
  assert(commits?.state === "ok");
  return commits.commits.flatMap(({ seq, labels }) =>
    Array.from({ length: labels.length }, (_, row) => `${seq}-${row}`)
  );
}

const specOf = (receiver: Receiver): WebhookSpec => ({
  name: "desk",
  url: receiver.url,
  secret: SECRET,
  after: 0,
});

Deno.test("every label reaches a receiver that is slow, fails and hangs up, in order", () =>
  inFolder(async (path) => {
    await using receiver = await Receiver.start();
    const allCommitted = Promise.withResolvers<void>();
    const slow: Answer = async (response, delivery) => {
      await allCommitted.promise;
      await take(response, delivery);
    };
    const answers = [slow, status(500), hangUp, take];
    receiver.answer = (response, delivery) => (answers.shift() ?? take)(response, delivery);
    const wick = await started(path, [specOf(receiver)]);
    for (let at = 0; at < 300; at += 10) await push(wick, at, at + 10);
    const rows = await logged(wick);
    // The receiver holds nobody up: all is committed while it has answered nothing yet.
    assertEquals(receiver.taken, []);
    allCommitted.resolve();
    await receiver.until(() => receiver.taken.length >= rows.length);
    assertEquals(receiver.taken, rows);
    assert(receiver.deliveries.every(({ isSigned }) => isSigned));
    // What failed came again as it was.
    const [, second, third, fourth] = receiver.deliveries;
    assertEquals([third?.body, fourth?.body], [second?.body, second?.body]);
    await wick.system.stop();
  }));

Deno.test("a restart loses no label, and repeats only what was not acknowledged", () =>
  inFolder(async (path) => {
    await using receiver = await Receiver.start();
    let seen = 0;
    for (let round = 0; round < 3; round++) {
      // The last delivery of each run arrives and is never answered.
      let isCut = false;
      receiver.answer = (response, delivery) => isCut ? undefined : take(response, delivery);
      const wick = await started(path, [specOf(receiver)]);
      const from = round * 200;
      await push(wick, from, from + 100);
      const rows = await logged(wick);
      await receiver.until(() => new Set(receiver.taken).size >= rows.length);
      isCut = true;
      seen = receiver.deliveries.length;
      await push(wick, from + 100, from + 200);
      await receiver.until(() => receiver.deliveries.length > seen);
      await wick.system.stop();
    }
    receiver.answer = take;
    const wick = await started(path, [specOf(receiver)]);
    const rows = await logged(wick);
    await receiver.until(() => new Set(receiver.taken).size >= rows.length);
    assertEquals(receiver.taken, rows);
    // Everything that came, came once, but for the three that nobody acknowledged.
    const unanswered = receiver.deliveries.filter(({ isTaken }) => !isTaken);
    assertEquals(unanswered.length, 3);
    await wick.system.stop();
  }));

Deno.test("webhooks see the log through a crash of the store", () =>
  inFolder(async (path) => {
    await using receiver = await Receiver.start();
    const wick = await started(path, [specOf(receiver)]);
    await push(wick, 0, 100);
    wick.system.restart(`/wick/${PATHS.store}`);
    for (let isDone = false; !isDone;) {
      isDone = await push(wick, 100, 200).then(() => true, () => false);
    }
    const rows = await logged(wick);
    await receiver.until(() => new Set(receiver.taken).size >= rows.length);
    assertEquals([...new Set(receiver.taken)], rows);
    await wick.system.stop();
  }));

Deno.test("a webhook whose receiver is gone concerns no other and not the stop", () =>
  inFolder(async (path) => {
    await using receiver = await Receiver.start();
    const dead = { ...specOf(receiver), name: "dead", url: `http://127.0.0.1:${freePort()}/` };
    const wick = await started(path, [dead, specOf(receiver)]);
    await push(wick, 0, 200);
    const rows = await logged(wick);
    await receiver.until(() => receiver.taken.length >= rows.length);
    const status = await wick.system.ref(Webhook, `${PATHS.webhooks}/dead`).ask("status", {});
    assertEquals([status.state, status.waiting?.code], ["waiting", "unreachable"]);
    const startMs = performance.now();
    await wick.system.stop();
    assert(performance.now() - startMs < 5_000);
  }));

Deno.test("startWick() refuses webhooks that cannot be", async () => {
  const spec = { name: "desk", url: "http://a.example/", secret: "short" };
  await assertRejects(() => startWick({ webhooks: [spec] }), RangeError, "secret of webhook desk");
});
