/**
 * The way to one life of another node, with what goes over it: asks, watches, and senders that wait.
 *
 * @module
 */

import type { Cancel } from "./clock.ts";
import type { ExitReason } from "./node.ts";
import { Link } from "./remote_link.ts";
import type { OutgoingAsk } from "./remote_ref.ts";

/** A sender that waits for room. */
export interface Offer {
  readonly hasRoom: () => boolean;
  readonly settle: () => void;
}

/** A link with what this node has going over it. */
export class PeerLink extends Link {
  /** Asks of this node that wait for their reply, by id. */
  readonly asks = new Map<number, OutgoingAsk>();
  /** Who here is to be told of the end of an actor there, by id. */
  readonly watches = new Map<number, (reason: ExitReason) => void>();
  /** What ends the watching of actors here for the other node, by its ids. */
  readonly watched = new Map<number, Cancel>();
  readonly offers: Offer[] = [];
}
