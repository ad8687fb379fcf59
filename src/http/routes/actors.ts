/**
 * Routes about the tree: its nodes, messages to them, restart and stop, and the history of those.
 *
 * @module
 */

import type { TreeNode } from "../../actor/tree.ts";
import type { Handlers, Surroundings } from "../handler.ts";
import type { TreePort } from "../port.ts";
import { HttpProblem, retryAfter } from "../problem.ts";
import { respondJson } from "../respond.ts";
import type { treeNode } from "../schemas.ts";
import type { z } from "zod";

type Node = z.input<typeof treeNode>;
type Base = "/api/actors/:path{.+}";
type Paths =
  | "/api/actors"
  | "/api/restarts"
  | Base
  | `${Base}/messages`
  | `${Base}/restart`
  | `${Base}/stop`;

/** See the module's text. */
export function actorRoutes({ port }: Pick<Surroundings, "port">): Pick<Handlers, Paths> {
  const { actors } = port;
  return {
    "/api/actors": { get: () => plain(actors.tree()) },
    "/api/restarts": {
      get: ({ query: { path, below, limit } }) => {
        const asked = { ...(path === undefined ? {} : { path }), below, limit };
        const { records, total, kept } = actors.restarts(asked);
        return { restarts: [...records], total, kept };
      },
    },
    "/api/actors/:path{.+}": {
      get: ({ param }) => {
        const node = nodeAt(actors, param.path);
        return { node: plain(node), messages: messagesOf(actors, node) };
      },
    },
    "/api/actors/:path{.+}/messages": {
      post: async ({ param, json: { type, payload, mode, timeoutMs } }) => {
        const node = nodeAt(actors, param.path);
        if (node.mailbox === null) {
          throw new HttpProblem(409, "no_actor", `Cannot send to ${node.path}: it is a supervisor`);
        }
        const about = messagesOf(actors, node).find((message) => message.type === type);
        if (mode === "ask" || (mode === undefined && (about?.reply ?? null) !== null)) {
          const reply = await actors.ask(node.path, type, payload, timeoutMs);
          return { state: "replied", reply };
        }
        const result = actors.tell(node.path, type, payload);
        if (result === "accepted") return respondJson({ state: "accepted" }, 202);
        throw new HttpProblem(
          503,
          result,
          `Cannot deliver "${type}" to ${node.path}: ${result}`,
          {},
          retryAfter(1_000),
        );
      },
    },
    "/api/actors/:path{.+}/restart": {
      post: ({ param }) => {
        const { path } = nodeAt(actors, param.path);
        if (!actors.restart(path)) throw notAChild("restart", path);
        return { path, done: "restarted" };
      },
    },
    "/api/actors/:path{.+}/stop": {
      post: async ({ param }) => {
        const { path } = nodeAt(actors, param.path);
        if (!await actors.stop(path)) throw notAChild("stop", path);
        return { path, done: "stopped" };
      },
    },
  };
}

/** The root cannot be restarted or stopped through itself. */
function notAChild(verb: string, path: string): HttpProblem {
  const detail = `Cannot ${verb} ${path}: expected a child of a supervisor`;
  return new HttpProblem(409, "no_child", detail);
}

/**
 * The node at a path as written in a URL: whole (`wick/core/store`) or below the root
 * (`core/store`). O(children on the way).
 *
 * @throws {HttpProblem} 404 `no_actor`.
 */
function nodeAt(actors: TreePort, path: string): TreeNode {
  const root = actors.tree();
  const parts = path.split("/");
  const found = parts[0] === root.name ? descend(root, parts.slice(1)) : null;
  const node = found ?? descend(root, parts);
  if (node !== null) return node;
  throw new HttpProblem(404, "no_actor", "Cannot find the actor: nothing lives at that path", {
    expected: "a path of GET /api/actors",
    found: path.slice(0, 200),
  });
}

function descend(node: TreeNode, parts: readonly string[]): TreeNode | null {
  let at: TreeNode | undefined = node;
  for (const name of parts) at = at?.children.find((child) => child.name === name);
  return at ?? null;
}

function messagesOf(actors: TreePort, node: TreeNode) {
  const name = node.mailbox?.protocol;
  const found = actors.protocols().find((protocol) => protocol.name === name);
  return (found?.messages ?? []).map((message) => ({ ...message }));
}

/** The types differ only in `readonly`. */
function plain(node: TreeNode): Node {
  return node as unknown as Node;
}
