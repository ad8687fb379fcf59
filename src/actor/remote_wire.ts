/**
 * What messages between nodes need of the world: something that carries bytes, and somebody who
 * says which nodes live. `src/store/nodes` has both, over Redis and in memory.
 *
 * @module
 */

/** One life of a node. */
export interface Peer {
  /** Name of the node; it stays over its lives. */
  readonly node: string;
  /** This life; never the same twice. */
  readonly session: string;
}

/** Which nodes live, as this one last heard. */
export interface Peers {
  /** All that live, this one with them or not; each name once. */
  nodes(): readonly Peer[];
  /** Calls `listener` after each change; returns what ends that. */
  watch(listener: () => void): () => void;
}

/** Told of what a wire receives. */
export interface WireListener {
  /** A frame came in; the bytes are the listener's. Must not throw. */
  message(bytes: Uint8Array): void;
  /** Frames can be sent again, or for the first time. */
  ready(): void;
}

/**
 * Carries frames between the lives of nodes, each of which receives what is sent to its session.
 *
 * - A frame arrives once, or never. What it loses, doubles or turns around is found out by whoever
 *   uses it, by the numbers in the frames, and told.
 * - Frames are not held back while it is away: they are lost.
 */
export interface Wire {
  /** Whether frames would be sent. */
  readonly isReady: boolean;
  /** What went wrong last; null = nothing so far. */
  readonly lastError: string | null;
  /** Sends a frame, or loses it. Never throws, never blocks. */
  send(session: string, bytes: Uint8Array): void;
  /** From now on `listener` is told; one at a time. */
  listen(listener: WireListener): void;
  /** Ends it; idempotent. */
  close(): Promise<void>;
}

/** Bounds of the traffic of one node with the others. */
export interface RemoteBounds {
  /** Bytes of one message or reply; larger ones are refused. What is larger belongs into the store. */
  readonly messageBytes: number;
  /** Bytes that one frame holds, unless a single message is larger: one frame is one copy in Redis. */
  readonly frameBytes: number;
  /**
   * Bytes on their way to one peer that it has not yet confirmed. Redis ends a subscription that
   * lags by 8 MB for a minute, so all peers of one node together should stay below.
   */
  readonly underWayBytes: number;
  /** The same over all peers: what this node's memory holds of it. */
  readonly underWayBytesInAll: number;
  /** Frames on their way to one peer: what the confirming side has to remember. */
  readonly underWayFrames: number;
  /** Messages that wait for their way to one peer. */
  readonly queuedMessages: number;
  /** Bytes of them. */
  readonly queuedBytes: number;
  /** Asks to one peer that wait for a reply: each holds its asker's promise. */
  readonly asks: number;
  /** Replies and watches that wait for their way to one peer, in number; beyond it they are lost. */
  readonly queuedReplies: number;
  /** Bytes of them. */
  readonly queuedReplyBytes: number;
  /** Lives of nodes that are remembered: those that ended are, so that nothing of theirs comes twice. */
  readonly peers: number;
}

/** See each bound. */
export const REMOTE_BOUNDS: RemoteBounds = {
  messageBytes: 1024 * 1024,
  frameBytes: 64 * 1024,
  underWayBytes: 1024 * 1024,
  underWayBytesInAll: 16 * 1024 * 1024,
  underWayFrames: 1_024,
  queuedMessages: 8_192,
  queuedBytes: 8 * 1024 * 1024,
  asks: 65_536,
  queuedReplies: 65_536,
  queuedReplyBytes: 16 * 1024 * 1024,
  peers: 1_024,
};

/** Longest name of a node or session, characters. */
export const PEER_NAME_CHARS_MAX = 128;

const PEER_NAME = /^[\w.:-]{1,128}$/;

/** Checks the name of a node or of a session, which becomes part of a channel's name. */
export function assertPeerName(what: string, name: string): void {
  if (PEER_NAME.test(name)) return;
  throw new TypeError(
    `Cannot use ${what}: expected letters, digits and _ . : -, at most ${PEER_NAME_CHARS_MAX}: ` +
      `current value is ${JSON.stringify(name)}`,
  );
}
