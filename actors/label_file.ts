/**
 * An actor that labels files, one at a time: `wick label` runs it in threads.
 *
 * @module
 */

import { actor, type Protocol, protocol } from "../src/actor/mod.ts";
import {
  LABEL_JOB_MESSAGES,
  type LabelProgress,
  type LabelReport,
  runLabelJob,
} from "../src/feed/label_job.ts";

/** Messages of {@linkcode labelFile}. */
export const LabelFile: Protocol<typeof LABEL_JOB_MESSAGES> = protocol(
  "label_file",
  LABEL_JOB_MESSAGES,
);

/**
 * Runs label jobs. A job takes as long as its file is long, so the reply to `run` is deferred: the
 * actor goes on to answer `progress` and to hear `cancel`. A second `run` meanwhile is put aside.
 */
export const labelFile = actor(LabelFile, (ctx) => {
  let cancelled: AbortController | null = null;
  let progress: LabelProgress | null = null;
  ctx.onStop(() => cancelled?.abort());
  return {
    run(job) {
      if (cancelled !== null) return ctx.stash();
      const { signal } = cancelled = new AbortController();
      const reply = ctx.defer<LabelReport>();
      runLabelJob(job, { clock: ctx.clock, signal, onProgress: (now) => progress = now })
        .then((report) => reply.resolve(report), (error) => reply.reject(error))
        .finally(() => {
          cancelled = progress = null;
          ctx.unstash();
        });
      return reply;
    },
    progress: () => progress,
    cancel: () => cancelled?.abort(),
  };
});
