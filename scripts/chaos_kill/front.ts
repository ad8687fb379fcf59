/**
 * What the harness asks of the service beside the admin HTTP: where the file feed stands, and all
 * that the store holds.
 *
 * @module
 */

import type { AddressInfo } from "node:net";
import { createServer, type ServerResponse } from "node:http";
import { dumpLines, type DumpStore } from "./dump.ts";

/** What the front needs of the service. */
export interface FrontPort {
  readonly store: DumpStore;
  readonly paramHash: string;
  feedStatus(): Promise<unknown>;
}

/** Serves `/feed` and `/dump`; its address. */
export async function startFront(service: FrontPort): Promise<string> {
  const server = createServer((request, response) => {
    answer(service, request.url ?? "/", response).catch((error) => {
      if (!response.headersSent) response.writeHead(500);
      response.end(String(error));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function answer(service: FrontPort, path: string, response: ServerResponse): Promise<void> {
  if (path === "/feed") response.write(JSON.stringify(await service.feedStatus()));
  else if (path === "/dump") {
    for await (const line of dumpLines(service.store, service.paramHash)) response.write(line);
  } else response.writeHead(404);
  response.end();
}
