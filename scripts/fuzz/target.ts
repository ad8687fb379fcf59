/**
 * What is fuzzed: the admin HTTP over a service in memory.
 *
 * @module
 */

import { createAdmin } from "../../src/http/app.ts";
import { serveAdmin } from "../../src/http/serve.ts";
import { MemoryService } from "../../tests/http/service.ts";
import type { FuzzTarget } from "./run.ts";

/** The service of the tests, served on a free port; `spoil` may plant a bug in it. */
export async function memoryTarget(
  spoil: (service: MemoryService) => void = () => {},
): Promise<FuzzTarget> {
  const service = new MemoryService();
  spoil(service);
  const server = await serveAdmin(createAdmin(service, { port: 0 }));
  return {
    url: server.url,
    skip: ["counter.fail", "counter.never"],
    async [Symbol.asyncDispose]() {
      await server.close();
      await service[Symbol.asyncDispose]();
    },
  };
}
