/** The supervision tree as text: which states catch the eye. */

import { assertEquals } from "@std/assert";
import { type TreeNode, treeText } from "../../src/cli/tree_text.ts";
import { fakeIo } from "./support.ts";

const RED = "\x1b[31m";
const DIM = "\x1b[2m";

Deno.test("treeText() paints what failed red, and what is merely not in use like any other line", () => {
  const node = (state: TreeNode["state"], lastError: string | null): TreeNode => ({
    name: "worker",
    state,
    lastError,
    incarnation: 1,
    mailbox: null,
    supervisor: null,
    children: [],
  } as unknown as TreeNode);
  const coloured = fakeIo({ hasColour: { stdout: true, stderr: true } });
  const marks = (state: TreeNode["state"], lastError: string | null) => {
    const text = treeText(node(state, lastError), coloured);
    return [RED, DIM].filter((mark) => text.includes(`${mark}${state}`));
  };
  assertEquals(marks("running", null), []);
  assertEquals(marks("running", "an old one"), []);
  assertEquals(marks("down", null), [RED]);
  assertEquals(marks("stopped", "x"), [RED]);
  assertEquals(marks("stopped", null), [DIM]);
});
