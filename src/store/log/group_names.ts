/**
 * What nodes may call themselves, and how they are written into the log.
 *
 * @module
 */

import { z } from "zod";
import { GROUP_BOUNDS, type LiveNode, type Move, type NodeInfo, type Ownership } from "./port.ts";

const name = z.string().min(1).max(GROUP_BOUNDS.nameChars).regex(/^[\w.:@-]+$/);

const nodeInfo = z.strictObject({
  node: name,
  session: name,
  region: z.string().max(GROUP_BOUNDS.nameChars),
  url: z.string().max(512).nullable(),
  version: z.string().max(GROUP_BOUNDS.nameChars),
  startedMs: z.number(),
  isLeaving: z.boolean(),
  applied: z.number(),
});

const move = z.strictObject({
  atMs: z.number(),
  partitions: z.array(z.int()),
  from: z.string().nullable(),
  to: z.string().nullable(),
  why: z.enum(["free", "handed", "expired", "released"]),
});

/**
 * The text of a node.
 *
 * @throws {TypeError} When a name has other characters than letters, digits and `_.:@-`, or is long.
 */
export function nodeText(info: NodeInfo): string {
  const found = nodeInfo.safeParse(info);
  if (found.success) return JSON.stringify(found.data);
  throw new TypeError(`Cannot join the group: ${z.prettifyError(found.error)}`);
}

/** The node of a text, or null when it is none. */
export function nodeOf(text: string, leftMs: number): LiveNode | null {
  const found = nodeInfo.safeParse(parsed(text));
  return found.success ? { ...found.data, leftMs } : null;
}

/** Moves of their texts; what is none is left out. */
export function movesOf(texts: readonly unknown[]): Move[] {
  return texts.flatMap((text) => {
    const found = move.safeParse(parsed(String(text)));
    return found.success ? [found.data] : [];
  });
}

/** Owners of the flat list of partitions and their texts, by partition. */
export function ownersOf(flat: readonly unknown[]): Ownership[] {
  const owners: Ownership[] = [];
  for (let at = 0; at + 1 < flat.length; at += 2) {
    const [token, sinceMs, session, node] = String(flat[at + 1]).split("|");
    owners.push({
      partition: Number(flat[at]),
      node: node ?? "",
      session: session ?? "",
      token: Number(token),
      sinceMs: Number(sinceMs),
    });
  }
  return owners.sort((a, b) => a.partition - b.partition);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
