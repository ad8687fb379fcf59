/**
 * The client library of Firestore, with two flaws of its version 9.4.1 made harmless. They are in
 * how connections and streams end, which its public interface does not reach; where the library's
 * inside looks otherwise, it is left as it is. Two more, of what lies below it: `firestore_http2.ts`.
 *
 * - A request that it tries again while the client is terminated rejects a promise that nobody
 *   holds (`Firestore.requestStream`): that would end the process.
 * - A listener that is stopped while an answer arrives never ends its stream (the answer is written
 *   to a stream that has ended): the connection stays, and terminating waits for it for ever.
 *
 * @module
 */

import type { Firestore, Settings } from "@google-cloud/firestore";
import type { FirestorePlan } from "./firestore_options.ts";

/** The library, loaded when it is first needed. */
export type FirestoreModule = typeof import("@google-cloud/firestore");

/** A client, and what ends its streams. */
export interface FirestoreClient {
  readonly database: Firestore;
  /** Cancels all streams of listeners; for when none listens any more. */
  readonly cancelListening: () => void;
  /** Lets go of all connections, whatever is under way; resolves when they are closed. */
  readonly end: () => Promise<void>;
}

/** A connection is enough for a page and a listener. */
const IDLE_CHANNELS_MAX = 1;

const LISTEN = "listen";

/** Calls that are answered with a stream, of those that a feed makes. */
const STREAMING: ReadonlySet<string> = new Set([
  LISTEN,
  "runQuery",
  "runAggregationQuery",
  "batchGetDocuments",
]);

interface Cancellable {
  cancel(): void;
  once(event: "close" | "end", listener: () => void): void;
}

interface Pool {
  run?: (tag: string, grpc: boolean, work: (client: object) => unknown) => Promise<unknown>;
}

/** A client for a plan; uses no network yet. */
export function firestoreClient(module: FirestoreModule, plan: FirestorePlan): FirestoreClient {
  const database = new module.Firestore(settingsOf(plan));
  const streams = new Map<Cancellable, string>();
  const { _clientPool: pool } = database as unknown as { _clientPool?: Pool };
  const run = pool?.run?.bind(pool);
  if (pool !== undefined && run !== undefined) {
    pool.run = (tag, grpc, work) => {
      const running = run(tag, grpc, (client) => work(noting(client, streams)));
      running.catch(() => {});
      return running;
    };
  }
  const cancel = (isMeant: (method: string) => boolean) => {
    for (const [stream, method] of streams) if (isMeant(method)) stream.cancel();
  };
  return {
    database,
    cancelListening: () => cancel((method) => method === LISTEN),
    end: async () => {
      // In this order: what is cancelled would be tried again otherwise.
      const ending = database.terminate();
      cancel(() => true);
      await ending;
    },
  };
}

/** The client as it is, but its streams are noted while they last. */
function noting(client: object, streams: Map<Cancellable, string>): object {
  return new Proxy(client, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      if (typeof name !== "string" || !STREAMING.has(name)) return value.bind(target);
      return (...args: unknown[]) => {
        const stream = value.apply(target, args) as Cancellable;
        streams.set(stream, name);
        for (const event of ["close", "end"] as const) {
          stream.once(event, () => streams.delete(stream));
        }
        return stream;
      };
    },
  });
}

function settingsOf(plan: FirestorePlan): Settings {
  const { projectId, databaseId, credentialsFile, emulatorHost } = plan;
  const settings: Settings = { projectId, databaseId, maxIdleChannels: IDLE_CHANNELS_MAX };
  if (emulatorHost !== null) {
    // Without these two the library looks for credentials on the network all the same.
    const auth = {
      getClient: () => Promise.reject(new Error("an emulator needs no credentials")),
      getUniverseDomain: () => Promise.resolve("googleapis.com"),
    };
    return { ...settings, host: emulatorHost, ssl: false, auth };
  }
  return credentialsFile === null ? settings : { ...settings, keyFilename: credentialsFile };
}
