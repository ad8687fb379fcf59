/**
 * HTTP/2 sessions that end gently: what keeps a server that goes away from taking this process along.
 *
 * - Deno 2.9.6 frees a session that is closed or destroyed inside the callback that tells of a GOAWAY
 *   frame, and goes on using it: the process aborts (`find_stream_on_goaway_func` of nghttp2) or
 *   spins. The HTTP/2 code of Node, which it follows, closes the session right there, and so does
 *   grpc-js 1.14.
 * - grpc-js 1.14 misses an end that comes with the first settings, because it listens for it a turn
 *   later; it then tries the dead session again and again without a pause.
 *
 * So the end of a session is told, and carried out, in a later turn of the event loop. That holds for
 * all sessions of `node:http2` in this process from then on; nothing but gRPC makes any.
 *
 * @module
 */

import http2 from "node:http2";
import { setImmediate } from "node:timers";

/** Events by which a session says that it is over. */
const ENDINGS: ReadonlySet<string> = new Set(["goaway", "close", "error"]);

interface Session {
  emit(name: string, ...args: unknown[]): boolean;
  listenerCount(name: string): number;
  close(...args: unknown[]): void;
  destroy(...args: unknown[]): void;
}

interface Connecting {
  connect: (...args: unknown[]) => Session;
}

let isSoftened = false;

/** Softens the ends of sessions made from now on; idempotent. */
export function softenSessionEnds(): void {
  if (isSoftened) return;
  isSoftened = true;
  const module = http2 as unknown as Connecting;
  const { connect } = module;
  module.connect = (...args) => softened(connect.apply(module, args));
}

function softened(session: Session): Session {
  const { emit, close, destroy } = session;
  session.emit = (name, ...args) => {
    if (!ENDINGS.has(name)) return emit.call(session, name, ...args);
    setImmediate(() => emit.call(session, name, ...args));
    return session.listenerCount(name) > 0;
  };
  session.close = (...args) => void setImmediate(() => close.apply(session, args));
  session.destroy = (...args) => void setImmediate(() => destroy.apply(session, args));
  return session;
}
