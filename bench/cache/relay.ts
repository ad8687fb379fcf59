/**
 * A thread that stands for a network: what comes in on its port goes to another port of this machine
 * a while later, and what comes back is as late. Says the port it listens at.
 *
 * @module
 */

import { connect, createServer, type Socket } from "node:net";
import { parentPort, workerData } from "node:worker_threads";

/** What a relay is given. */
export interface RelayData {
  /** Where it leads to. */
  readonly port: number;
  /** Delay of either way, ms. */
  readonly delayMs: number;
}

const { port, delayMs } = workerData as RelayData;

/** Timers of one delay fire in the order they were set, so bytes keep theirs. */
function later(from: Socket, to: Socket): void {
  from.on("data", (bytes) => setTimeout(() => to.writable && to.write(bytes), delayMs));
  from.on("close", () => setTimeout(() => to.destroy(), delayMs));
  from.on("error", () => to.destroy());
}

const server = createServer((near) => {
  const far = connect(port, "127.0.0.1");
  for (const socket of [near, far]) socket.setNoDelay(true);
  later(near, far);
  later(far, near);
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  parentPort?.postMessage(typeof address === "object" ? address?.port : 0);
});
