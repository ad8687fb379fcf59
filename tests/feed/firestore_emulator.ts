/**
 * An emulator of Firestore beside the tests, and a hand that writes candles into it.
 *
 * @module
 */

import { FieldValue, Firestore, Timestamp } from "@google-cloud/firestore";
import { join } from "node:path";
import { softenSessionEnds } from "../../src/feed/firestore_http2.ts";
import { ROOT } from "../../scripts/support/root.ts";

/** Project of all tests. */
export const PROJECT = "wick-test";

/** A document to be written; `updatedAt` unless given is the server's time of the commit. */
export type Document = Record<string, unknown>;

/** A free port of the loopback interface. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return (listener.addr as Deno.NetAddr).port;
}

/** The emulator as one file for Node; made once by a test process, in half a second. */
let program: string | null = null;

function programPath(): string {
  if (program !== null) return program;
  const folder = Deno.makeTempDirSync({ prefix: "wick_firestore_" });
  addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
  const path = join(folder, "emulator.mjs");
  const main = new URL("./firestore_emulator_main.ts", import.meta.url).pathname;
  const { success, stderr } = new Deno.Command(Deno.execPath(), {
    args: ["bundle", "-q", "-o", path, main],
    cwd: ROOT,
  }).outputSync();
  if (!success) throw new Error(`Cannot bundle the emulator: ${new TextDecoder().decode(stderr)}`);
  return program = path;
}

/** An emulator in a process of its own, that can be stopped and started with what it holds. */
export class Emulator implements AsyncDisposable {
  readonly port: number = freePort();
  readonly #process: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #output: ReadableStreamDefaultReader<Uint8Array>;

  private constructor() {
    this.#process = new Deno.Command("node", {
      args: [programPath()],
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#input = this.#process.stdin.getWriter();
    this.#output = this.#process.stdout.getReader();
  }

  /** A running one. */
  static async start(): Promise<Emulator> {
    const emulator = new Emulator();
    await emulator.resume();
    return emulator;
  }

  /** `127.0.0.1:PORT`. */
  get host(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Starts it on the same port, with the documents that it had. */
  async resume(): Promise<void> {
    await this.#tell(`start ${this.port}`);
  }

  /** Cuts all connections and stops listening; documents stay. */
  async halt(): Promise<void> {
    await this.#tell("halt");
  }

  /** Sets its clock by so much. */
  async shift(ms: number): Promise<void> {
    await this.#tell(`shift ${ms}`);
  }

  /** A client that writes. */
  writer(): Writer {
    return new Writer(this.host);
  }

  /** Ends the process, from an event that cannot wait. */
  kill(): void {
    this.#process.kill("SIGKILL");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tell("quit");
    await this.#input.close().catch(() => {});
    await this.#output.cancel().catch(() => {});
    await this.#process.status;
  }

  async #tell(line: string): Promise<void> {
    await this.#input.write(new TextEncoder().encode(`${line}\n`));
    const { value } = await this.#output.read();
    const said = new TextDecoder().decode(value).trim();
    if (said !== "ok") throw new Error(`The emulator answers ${JSON.stringify(said)} to ${line}`);
  }
}

/** Writes documents as a program of a user would. */
export class Writer implements AsyncDisposable {
  readonly database: Firestore;

  constructor(host: string) {
    softenSessionEnds();
    const auth = { getUniverseDomain: () => Promise.resolve("googleapis.com") };
    this.database = new Firestore({ projectId: PROJECT, host, ssl: false, auth });
  }

  /** Writes documents by path in one commit, whose time they all carry. */
  async put(documents: Readonly<Record<string, Document>>): Promise<void> {
    const { database } = this;
    const batch = database.batch();
    const updatedAt = FieldValue.serverTimestamp();
    for (const [path, document] of Object.entries(documents)) {
      batch.set(database.doc(path), { updatedAt, ...document });
    }
    await batch.commit();
  }

  /** Removes documents. */
  async remove(...paths: string[]): Promise<void> {
    for (const path of paths) await this.database.doc(path).delete();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.database.terminate();
  }
}

const START_MS = Date.UTC(2024, 0, 1);

/** A valid complete candle number `i` of a series. */
export function candleDocument(series: string, i: number, more: Document = {}): Document {
  const [instrument, granularity] = series.split(":");
  const stepMs = granularity === "H4" ? 14_400_000 : 3_600_000;
  const open = 1 + (i * 7919 % 1_000) / 1_000;
  const close = 1 + (i * 104_729 % 1_000) / 1_000;
  return {
    instrument,
    granularity,
    ts: Timestamp.fromMillis(START_MS + i * stepMs),
    open,
    high: Math.max(open, close) + 0.5,
    low: Math.min(open, close) - 0.5,
    close,
    volume: i,
    complete: true,
    ...more,
  };
}
