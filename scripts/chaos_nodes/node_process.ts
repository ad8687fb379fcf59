/**
 * One life of a node, as a process: `wick serve --redis`, or the same tree begun by `child.ts` where
 * the harness needs something that the command does not offer.
 *
 * @module
 */

import config from "../../deno.json" with { type: "json" };
import { eachLine } from "../chaos_kill/lines.ts";
import { childEnv } from "../support/deno.ts";
import { ROOT } from "../support/root.ts";

/** Flags of the engine as the task has them that users start the service with. */
const V8_FLAGS = config.tasks.serve.command.split(" ").filter((word) =>
  word.startsWith("--v8-flags=")
);
/** A node that gets no further than this has failed, ms: it may have a long log to read. */
const START_LIMIT_MS = 60_000;
/** Lines of standard error that are kept to explain a failure. */
const LINES_KEPT = 60;

/** How a node is run. */
export interface NodeSetup {
  readonly name: string;
  /** Folder of its copy. */
  readonly data: string;
  readonly redis: string;
  readonly prefix: string;
  readonly leaseMs: number;
  /** Null: the command; otherwise the child of the harness. */
  readonly hooks: NodeHooks | null;
}

/** What only the child of the harness does. */
export interface NodeHooks {
  readonly fence: "checked" | "off";
  /** Bytes of the log from which on a snapshot is made. */
  readonly snapshotBytes: number;
}

/** A running node. */
export class NodeProcess {
  /** Resolves to where it is reached once it serves; rejects when it ended before. */
  readonly url: Promise<string>;
  /** Resolves when the process is gone. */
  readonly over: Promise<Deno.CommandStatus>;
  readonly #process: Deno.ChildProcess;
  readonly #lines: string[] = [];

  /** Starts it. */
  constructor(setup: NodeSetup) {
    this.#process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-q", "-A", ...V8_FLAGS, ...argsOf(setup)],
      cwd: ROOT,
      env: {
        ...childEnv(),
        WICK_NODE_LEASE_MS: String(setup.leaseMs),
        WICK_REDIS_PREFIX: setup.prefix,
      },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const started = Promise.withResolvers<string>();
    this.url = started.promise;
    this.url.catch(() => {});
    const limit = setTimeout(() => {
      started.reject(new Error(`the node did not start\n${this.said}`));
      this.signal("SIGKILL");
    }, START_LIMIT_MS);
    const out = eachLine(this.#process.stdout, (line) => {
      const said = JSON.parse(line) as { readonly state: string; readonly url?: string };
      if (said.url !== undefined) started.resolve(said.url);
      else this.#hear(line);
    });
    const err = eachLine(this.#process.stderr, (line) => this.#hear(line));
    this.url.finally(() => clearTimeout(limit)).catch(() => {});
    this.over = Promise.all([this.#process.status, out, err]).then(([status]) => {
      started.reject(new Error(`the node ended before it served\n${this.said}`));
      return status;
    });
  }

  /** The last lines of what it said. */
  get said(): string {
    return this.#lines.join("\n");
  }

  /** Sends a signal; does nothing when it is gone already. */
  signal(name: Deno.Signal): void {
    try {
      this.#process.kill(name);
    } catch (error) {
      if (!(error instanceof TypeError) && !(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  #hear(line: string): void {
    this.#lines.push(line);
    if (this.#lines.length > LINES_KEPT) this.#lines.shift();
  }
}

function argsOf({ name, data, redis, prefix, leaseMs, hooks }: NodeSetup): string[] {
  if (hooks === null) {
    return [
      ...[`${ROOT}mod.ts`, "serve", "--redis", redis, "--node-name", name, "--data", data],
      ...["--port", "0", "--workers", "1", "--log-level", "warn", "--json"],
    ];
  }
  return [
    ...[`${ROOT}scripts/chaos_nodes/child.ts`, "--redis", redis, "--name", name, "--data", data],
    ...["--prefix", prefix, "--lease", String(leaseMs), "--fence", hooks.fence],
    ...["--snapshot", String(hooks.snapshotBytes)],
  ];
}
