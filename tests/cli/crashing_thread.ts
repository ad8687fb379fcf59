/**
 * A thread like that of the label actor, which throws at a file named `crash` and exits at one
 * named `die`.
 *
 * @module
 */

import process from "node:process";
import { LabelFile, labelFile } from "../../actors/label_file.ts";
import { actor } from "../../src/actor/mod.ts";
import { serveThread } from "../../src/actor/thread_entry.ts";

serveThread(actor(LabelFile, async (ctx, args: Record<string, never>) => {
  const handlers = await labelFile.create(ctx, args);
  return {
    ...handlers,
    run(job) {
      if (job.input.includes("crash")) {
        Deno.writeTextFileSync(job.output?.temporaryPath ?? "", "half of it");
        throw new Error("planted");
      }
      if (job.input.includes("die")) process.exit(3);
      return handlers.run(job);
    },
  };
}));
