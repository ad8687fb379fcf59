/**
 * What a look at one part of the service finds: measurements, and how the part is.
 *
 * @module
 */

import type { Sample } from "./samples.ts";

/** How well something is; the later the worse. `degraded`: it works, but not as it should. */
export type PartState = "ok" | "degraded" | "down";

/** How one part is. */
export interface PartHealth {
  /** Which part: its path below the root, as `core/store`. */
  readonly name: string;
  /** See {@linkcode PartState}. */
  readonly state: PartState;
  /** What is wrong, or the figures that say how it is; plain data. */
  readonly detail: Readonly<Record<string, unknown>>;
}

/** How the service is. */
export interface Health {
  /** The worst of its parts. */
  readonly state: PartState;
  /** All parts, in the order of the tree. */
  readonly parts: readonly PartHealth[];
}

/** What a collector found. */
export interface Finding {
  /** Measurements of declared metrics. */
  readonly samples: readonly Sample[];
  /** How the parts are that it looked at; left out = it cannot say. */
  readonly parts?: readonly PartHealth[];
}

const ORDER: readonly PartState[] = ["ok", "degraded", "down"];

/** The worse of two states. */
export function worse(a: PartState, b: PartState): PartState {
  return ORDER.indexOf(a) >= ORDER.indexOf(b) ? a : b;
}

/**
 * One health of what several looks found: of a part that occurs more than once the worst state
 * counts, and details are put together. O(parts).
 */
export function healthOf(found: Iterable<PartHealth>): Health {
  const parts = new Map<string, PartHealth>();
  let state: PartState = "ok";
  for (const part of found) {
    const known = parts.get(part.name);
    parts.set(
      part.name,
      known === undefined ? part : {
        name: part.name,
        state: worse(known.state, part.state),
        detail: { ...known.detail, ...part.detail },
      },
    );
    state = worse(state, part.state);
  }
  return { state, parts: [...parts.values()] };
}
