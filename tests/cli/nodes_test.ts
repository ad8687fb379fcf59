import { assertEquals, assertStringIncludes } from "@std/assert";
import { nodesText } from "../../src/cli/nodes.ts";
import { aloneView, type NodesView } from "../../src/http/node_schemas.ts";
import type { CliIo } from "../../src/cli/io.ts";

const IO = {
  columns: () => 200,
  isTerminal: { stdout: false },
  hasColour: { stdout: false },
} as unknown as CliIo;

const ATMS = Date.UTC(2026, 0, 2, 3, 4, 5);

function view(more: Partial<NodesView["self"]> = {}): NodesView {
  const [self] = aloneView("a", "1.0", 0, 0).nodes;
  if (self === undefined) throw new Error("no node");
  const nobody = { sinceMs: null, state: null, waitingBytes: 0, waitingMs: null };
  return {
    mode: "group",
    atMs: ATMS,
    self: { ...aloneView("a", "1.0", 0, 0).self, owned: 200, moving: 2, ...more },
    nodes: [
      { ...self, partitions: 200, leftMs: 1_900, region: "eu", url: "http://a:1" },
      { ...self, node: "b", isSelf: false, partitions: 55, leftMs: 1_000, lagEntries: 12 },
    ],
    partitions: [
      { ...nobody, partition: 0, node: "a", waitingEntries: 0 },
      {
        ...nobody,
        partition: 7,
        node: "b",
        waitingEntries: 3,
        waitingBytes: 900,
        waitingMs: 2_500,
      },
      { ...nobody, partition: 9, node: null, waitingEntries: 0 },
    ],
    moves: [{ atMs: ATMS, partitions: [1, 2], from: "a", to: "b", why: "handed" }],
    log: {
      ...{ backend: "redis", state: "ok", position: 12_345, firstPosition: 1, bytes: 2_000_000 },
      ...{ lagEntries: 0, snapshot: null },
    },
  };
}

Deno.test("nodesText() of a process that is alone is one line", () => {
  assertEquals(
    nodesText(aloneView("wick", "1.0", 0, 0), IO),
    "one node, wick: this service does everything by itself\n",
  );
});

Deno.test("nodesText() lists nodes, what is behind, what nobody has, and moves", () => {
  const text = nodesText(view(), IO);
  assertStringIncludes(text, "2 nodes, asked a: member, 200 partitions, 2 moving\n");
  assertStringIncludes(text, "1 partition without an owner\n");
  assertStringIncludes(text, "log at 12,345, 2.00 MB, no snapshot\n");
  assertStringIncludes(text, "a *   eu             200  1.9 s       0  1.0      http://a:1\n");
  assertStringIncludes(text, "        7        3  900 B   2.5 s  b\n");
  assertStringIncludes(text, "2026-01-02 03:04:05           2  handed  a to b\n");
});

Deno.test("nodesText() says that the group is out of reach, and which pins nobody holds", () => {
  const text = nodesText(
    view({ awayMs: 3_000, lastError: "refused", unheldPins: ["0-63=mars"] }),
    IO,
  );
  assertStringIncludes(text, "out of reach for 3.0 s: refused\n");
  assertStringIncludes(text, "no node for the pin 0-63=mars\n");
});
