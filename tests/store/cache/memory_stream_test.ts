/** The invalidation stream in memory. */

import { assertEquals } from "@std/assert";
import { decodeMessage } from "../../../src/store/cache/invalidation_stream.ts";
import { MemoryStreamHub } from "./memory_stream.ts";
import { ends, listen, streamConformance } from "./stream_conformance.ts";

streamConformance({
  name: "memory stream",
  open: () => {
    const hub = new MemoryStreamHub(300);
    const members = [hub.join(), hub.join(), hub.join()];
    return Promise.resolve({
      members,
      interrupt: (meanwhile) => {
        for (const member of members) member.disconnect();
        meanwhile();
        for (const member of members) member.reconnect();
        return Promise.resolve();
      },
      [Symbol.asyncDispose]: async () => {
        for (const member of members) await member.close();
      },
    });
  },
});

Deno.test("MemoryStream tells of a gap when it missed too much", async () => {
  const hub = new MemoryStreamHub(10);
  const [a, b] = [hub.join(), hub.join()];
  const heard = listen(b);
  b.disconnect();
  for (let i = 0; i < 11; i++) a.publish(ends(String(i)));
  b.reconnect();
  await Promise.resolve();
  assertEquals(heard, ["gap", "gap"]);
});

Deno.test("decodeMessage() refuses what is no message", () => {
  const texts = [
    "",
    "null",
    "[]",
    '{"kind":"other"}',
    '{"kind":"selection"}',
    '{"kind":"selection","selection":{"keys":[1]}}',
    '{"kind":"selection","selection":{"key":["a"]}}',
    '{"kind":"touched","seq":"1","ranges":[]}',
    '{"kind":"touched","seq":1,"ranges":[{"series":"a"}]}',
    `{"kind":"selection","selection":{"keys":["${"x".repeat(300_000)}"]}}`,
  ];
  assertEquals(texts.map(decodeMessage), texts.map(() => null));
});
