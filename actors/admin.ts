/**
 * The admin HTTP as an actor: it listens at its start and closes at its end, streams first. An
 * address that cannot be listened on fails its init with a message that says why.
 *
 * @module
 */

import { actor, textOf, type Tracing } from "../src/actor/mod.ts";
import type { AdminOptions } from "../src/http/options.ts";
import type { ServicePort } from "../src/http/port.ts";
import { Admin } from "./protocols.ts";

/** What the admin HTTP serves, and how. */
export interface AdminArgs {
  /** Makes the view of the service; called once per incarnation. */
  readonly port: () => ServicePort;
  /** Makes spans of requests; null when nobody records them. */
  readonly tracing?: Tracing | null;
  /** Address, tokens, hosts, bounds; the clock and the log are the system's. */
  readonly options?: Omit<AdminOptions, "clock" | "tracing" | "onError">;
}

/** See {@linkcode Admin}. */
export const admin = actor(Admin, async (ctx, { port, tracing = null, options }: AdminArgs) => {
  // Whoever embeds the tree without HTTP is spared 20 MB of it.
  const [{ createAdmin }, { serveAdmin }] = await Promise.all([
    import("../src/http/app.ts"),
    import("../src/http/serve.ts"),
  ]);
  const made = createAdmin(port(), {
    ...options,
    clock: ctx.clock,
    tracing,
    onError: (error, method, path) =>
      ctx.log("error", "a request failed", { method, path, error: textOf(error) }),
  });
  const server = await serveAdmin(made);
  ctx.onStop(() => server.close());
  ctx.log("info", "listening", { url: server.url });
  return {
    status: async () => ({
      url: server.url,
      connections: await server.connections(),
      streams: made.streams.size,
    }),
  };
});
