/**
 * Routes about jobs that fetch from providers, their reports, and the providers.
 *
 * @module
 */

import type { JobReply, JobStatus } from "../../batch/job_status.ts";
import type { Handlers, Surroundings } from "../handler.ts";
import { HttpProblem } from "../problem.ts";

type Job = "/api/jobs/:id";
type Paths =
  | "/api/jobs"
  | Job
  | `${Job}/pause`
  | `${Job}/resume`
  | `${Job}/cancel`
  | `${Job}/report`
  | "/api/reports"
  | "/api/providers";

/** See the module's text. */
export function jobRoutes({ port }: Surroundings): Pick<Handlers, Paths> {
  const { jobs } = port;
  return {
    "/api/jobs": {
      get: async () => ({ jobs: [...await jobs.list()] }),
      post: async ({ json: { job, mode } }) => jobOf(await jobs.start(job, mode)),
    },
    "/api/jobs/:id": { get: async ({ param }) => jobOf(await jobs.get(param.id)) },
    "/api/jobs/:id/pause": { post: async ({ param }) => jobOf(await jobs.pause(param.id)) },
    "/api/jobs/:id/resume": { post: async ({ param }) => jobOf(await jobs.resume(param.id)) },
    "/api/jobs/:id/cancel": { post: async ({ param }) => jobOf(await jobs.cancel(param.id)) },
    "/api/jobs/:id/report": {
      get: async ({ param }) => {
        jobOf(await jobs.get(param.id));
        const report = await jobs.report(param.id);
        if (report !== null) return report;
        const detail = `Cannot show a report of job ${param.id}: it has not run yet`;
        throw new HttpProblem(404, "no_report", detail);
      },
    },
    "/api/reports": {
      get: async ({ query }) => ({
        reports: [...await jobs.reports(query.job ?? null, query.limit)],
      }),
    },
    "/api/providers": { get: async () => ({ providers: [...await port.providers()] }) },
  };
}

/** @throws {HttpProblem} 404 `no_job`, 409 `job_refused`. */
function jobOf(reply: JobReply): JobStatus {
  if (reply.state === "ok") return reply.job;
  throw reply.state === "unknown"
    ? new HttpProblem(404, "no_job", reply.reason)
    : new HttpProblem(409, "job_refused", reply.reason);
}
