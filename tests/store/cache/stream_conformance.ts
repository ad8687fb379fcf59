/**
 * What every invalidation stream promises, as tests that each backend runs.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import {
  encodeMessage,
  type InvalidationMessage,
  type InvalidationStream,
  MESSAGE_CHARS_MAX,
} from "../../../src/store/cache/invalidation_stream.ts";

/** Some members of one stream under test. */
export interface OpenStream extends AsyncDisposable {
  readonly members: readonly InvalidationStream[];
  /** Cuts all members off, and connects them again after `meanwhile`. */
  interrupt(meanwhile: () => void): Promise<void>;
}

/** A backend. */
export interface StreamBackend {
  readonly name: string;
  /** Opens three members that are connected; some hundred messages are kept for who is cut off. */
  open(): Promise<OpenStream>;
  readonly ignore?: boolean;
}

/** Waits for connections and timers of the machine. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const untilMs = performance.now() + 10_000;
  while (!await holds()) {
    assert(performance.now() < untilMs, `waited too long: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** What a member is told: messages as text, and gaps. */
export function listen(stream: InvalidationStream): string[] {
  const heard: string[] = [];
  stream.subscribe({
    onInvalidation: (message) => heard.push(encodeMessage(message)),
    onGap: () => heard.push("gap"),
  });
  return heard;
}

/** A message that ends one key. */
export function ends(key: string): InvalidationMessage {
  return { kind: "selection", selection: { keys: [key] } };
}

const text = (key: string) => encodeMessage(ends(key));

/** Registers the tests of one backend. */
export function streamConformance({ name, open, ignore = false }: StreamBackend): void {
  const test = (what: string, run: (opened: OpenStream) => Promise<void>) =>
    Deno.test(`${name}: ${what}`, { ignore }, async () => {
      await using opened = await open();
      await run(opened);
    });

  test("a subscriber begins with a gap", async ({ members: [a] }) => {
    assert(a !== undefined);
    const heard = listen(a);
    await until("told", () => heard.length > 0);
    assertEquals(heard[0], "gap");
  });

  test("messages reach the others in their order, and never their publisher", async (opened) => {
    const [a, b, c] = opened.members;
    assert(a !== undefined && b !== undefined && c !== undefined);
    const heard = [a, b, c].map(listen);
    await settled(opened, heard);
    for (let i = 0; i < 200; i++) a.publish(ends(`k${i}`));
    b.publish(ends("b"));
    const ofA = Array.from({ length: 200 }, (_, i) => text(`k${i}`));
    await until("all", () => heard[2]?.length === 201 && heard[1]?.length === 200);
    assertEquals(heard[0], [text("b")]);
    assertEquals(heard[1], ofA);
    assertEquals(heard[2]?.filter((one) => one !== text("b")), ofA);
  });

  test("every kind of message arrives as it was", async (opened) => {
    const [a, b] = opened.members;
    assert(a !== undefined && b !== undefined);
    const found: InvalidationMessage[] = [];
    b.subscribe({ onInvalidation: (message) => found.push(message), onGap: () => found.splice(0) });
    await settled(opened, [found]);
    const sent: InvalidationMessage[] = [
      {
        kind: "selection",
        selection: {
          keys: ['a"\n\0', "\ud83d\ude00"],
          patterns: ["price:*"],
          tags: ["t"],
          dependencies: [
            { kind: "candles", series: "EUR_USD:H1", fromTs: -Infinity, toTs: Infinity },
            { kind: "levels", instrument: "EUR_USD" },
            { kind: "key", key: "k" },
          ],
        },
      },
      { kind: "touched", seq: 7, ranges: [{ series: "EUR_USD:H1", fromTs: 1, toTs: Infinity }] },
    ];
    for (const message of sent) a.publish(message);
    await until("both", () => found.length === 2);
    assertEquals(found, sent);
  });

  test("a message that is too long ends everything", async (opened) => {
    const [a, b] = opened.members;
    assert(a !== undefined && b !== undefined);
    const heard = listen(b);
    await settled(opened, [heard]);
    a.publish(ends("x".repeat(MESSAGE_CHARS_MAX)));
    await until("told", () => heard.length > 0);
    assertEquals(heard, [encodeMessage({ kind: "selection", selection: { patterns: ["*"] } })]);
  });

  test("what is published during an interruption arrives after it, once", async (opened) => {
    const [a, b] = opened.members;
    assert(a !== undefined && b !== undefined);
    const heard = listen(b);
    await settled(opened, [heard]);
    a.publish(ends("before"));
    await until("before", () => heard.length === 1);
    await opened.interrupt(() => {
      for (let i = 0; i < 50; i++) a.publish(ends(`k${i}`));
    });
    await until("all", () => heard.length >= 51);
    assertEquals(heard.slice(1), Array.from({ length: 50 }, (_, i) => text(`k${i}`)));
  });

  test("close() is idempotent, and a closed member is silent", async (opened) => {
    const [a, b] = opened.members;
    assert(a !== undefined && b !== undefined);
    const heard = listen(a);
    await settled(opened, [heard]);
    await a.close();
    await a.close();
    a.publish(ends("a"));
    const other = listen(b);
    await settled(opened, [other]);
    opened.members[2]?.publish(ends("c"));
    await until("told", () => other.length > 0);
    assertEquals([heard, other], [[], [text("c")]]);
  });
}

/** All members are up and have told of their beginning, which is then taken out. */
async function settled({ members }: OpenStream, heard: unknown[][]): Promise<void> {
  await until("the beginning", () => members.some((one) => one.status().state === "up"));
  for (const one of heard) one.splice(0);
}
