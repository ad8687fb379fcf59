import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { ClientWindows, WINDOW } from "../../src/warm/association_windows.ts";

const keysOf = (windows: ClientWindows, client: string | null) => {
  const window = windows.windowOf(client);
  return Array.from({ length: WINDOW }, (_, at) => windows.at(window, at + 1))
    .filter((key) => key !== ClientWindows.NONE);
};

Deno.test("ClientWindows.at() has the last 8 keys, the last one first", () => {
  const windows = new ClientWindows(1);
  const window = windows.windowOf("ann");
  for (let key = 1; key <= 20; key++) windows.push(window, key);
  assertEquals(keysOf(windows, "ann"), [20, 19, 18, 17, 16, 15, 14, 13]);
});

Deno.test("ClientWindows.windowOf() tells clients apart, and those that did not say", () => {
  const windows = new ClientWindows(2);
  for (const [client, key] of [["ann", 1], ["bob", 2], [null, 3], ["ann", 4]] as const) {
    windows.push(windows.windowOf(client), key);
  }
  assertEquals(keysOf(windows, "ann"), [4, 1]);
  assertEquals(keysOf(windows, "bob"), [2]);
  assertEquals(keysOf(windows, null), [3]);
});

Deno.test("ClientWindows.windowOf() is bounded: a new client takes an old one's, emptied", () => {
  const windows = new ClientWindows(3);
  for (let client = 0; client < 1_000; client++) {
    const window = windows.windowOf(`client ${client}`);
    assertEquals(keysOf(windows, `client ${client}`), []);
    windows.push(window, client);
  }
  assertEquals(windows.size, 3);
  assertEquals(keysOf(windows, "client 999"), [999]);
});

Deno.test("ClientWindows.windowOf() keeps a client heard of while others come and go", () => {
  const windows = new ClientWindows(4);
  windows.push(windows.windowOf("ann"), 7);
  for (let client = 0; client < 100; client++) {
    windows.windowOf(`client ${client}`);
    windows.windowOf("ann");
  }
  assertEquals(keysOf(windows, "ann"), [7]);
  assertNotEquals(windows.windowOf("ann"), windows.windowOf(null));
});

Deno.test("ClientWindows refuses less than one client", () => {
  for (const clientsMax of [0, -1, 1.5, NaN]) {
    assertThrows(() => new ClientWindows(clientsMax), RangeError, "Cannot keep windows");
  }
});
