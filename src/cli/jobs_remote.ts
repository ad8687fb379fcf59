/**
 * Jobs of a running service, over HTTP.
 *
 * @module
 */

import type { z } from "zod";
import type { JobReply } from "../batch/job_status.ts";
import { jobStatus, runReport } from "../http/job_schemas.ts";
import type { JobsHandle } from "./parts.ts";
import { type Asked, type ServiceClient, ServiceError } from "./service_client.ts";

/** The jobs of a service. Its methods throw {@linkcode ServiceError}, except for what is a reply. */
export function remoteJobs(client: ServiceClient): JobsHandle {
  const at = (name: string, verb = "") => `/api/jobs/${encodeURIComponent(name)}${verb}`;
  const ask = (path: string, asked: Asked = {}) => replyOf(client.ask(path, jobStatus, asked));
  return {
    start: (job, mode) => ask("/api/jobs", { method: "POST", json: { job, mode } }),
    job: (name) => ask(at(name)),
    pause: (name) => ask(at(name, "/pause"), { method: "POST" }),
    resume: (name) => ask(at(name, "/resume"), { method: "POST" }),
    report: async (name) => {
      try {
        return await client.ask(at(name, "/report"), runReport);
      } catch (error) {
        if (error instanceof ServiceError && error.status === 404) return null;
        throw error;
      }
    },
    gaveUp: () => null,
    close: () => Promise.resolve(),
    abort: () => {},
  };
}

async function replyOf(asked: Promise<z.output<typeof jobStatus>>): Promise<JobReply> {
  try {
    return { state: "ok", job: await asked };
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    if (error.code === "no_job") return { state: "unknown", reason: error.message };
    if (error.code === "job_refused") return { state: "refused", reason: error.message };
    throw error;
  }
}
