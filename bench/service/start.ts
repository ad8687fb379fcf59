/**
 * How long the program takes to be ready, from nothing: the process is made, and `/readyz` is asked
 * until it says so.
 *
 * @module
 */

import { createServer } from "node:net";
import { DataFolder, serveCommand } from "./process.ts";

/** Between two questions: seldom enough not to slow down what is waited for. */
const ASK_EVERY_MS = 5;
/** A service that is not ready by then will not be. */
const READY_MAX_MS = 30_000;
/** What it does after it is ready is done by then. */
const IDLE_AFTER_MS = 3_000;
const MB = 2 ** 20;

/** One start. */
export interface Start {
  readonly readyMs: number;
  /** Resident memory of the idle service, MB. */
  readonly idleMb: number;
}

/** Starts it on a new folder, waits until it is idle, and ends it. */
export async function start(): Promise<Start> {
  using folder = new DataFolder();
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const startMs = performance.now();
  const child = serveCommand(folder, port, false).spawn();
  try {
    while (!await isReady(url)) {
      if (performance.now() - startMs > READY_MAX_MS) {
        throw new Error(`Cannot measure the start: expected it ready within ${READY_MAX_MS} ms`);
      }
      await pause(ASK_EVERY_MS);
    }
    const readyMs = performance.now() - startMs;
    await pause(IDLE_AFTER_MS);
    return { readyMs, idleMb: await residentMb(url) };
  } finally {
    child.kill("SIGTERM");
    await child.stdout.cancel();
    await child.status;
  }
}

async function isReady(url: string): Promise<boolean> {
  try {
    const answer = await fetch(`${url}/readyz`);
    await answer.body?.cancel();
    return answer.status === 200;
  } catch {
    return false;
  }
}

/** What the service says itself; the figure is as old as the monitor's last look. */
async function residentMb(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const found = /^wick_process_memory_bytes\{[^}]*kind="resident"[^}]*\} (\S+)$/m.exec(text);
  if (found === null) throw new Error("Cannot measure the memory: /metrics does not say it");
  return Number(found[1]) / MB;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
