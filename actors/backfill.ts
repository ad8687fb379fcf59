/**
 * The backfill: jobs that fetch from providers what feeds do not bring.
 *
 * A job is a source like a feed. What it fetches goes to the label pool as blocks and records with
 * a cursor, and is committed in one transaction with the job's checkpoint, which is one of the
 * records: a job that is killed anywhere goes on with exactly the items that were not committed.
 *
 * ## What is kept
 * | records | |
 * |---|---|
 * | `job` | each job: what it asks for, its state, its last run |
 * | `job_plan` | the items of a run that is not over, as they were when it began |
 * | `checkpoint` | two generations for each job, see `src/batch/job_generations.ts` |
 * | `job_report` | reports of the last runs |
 * | `job_progress` | where several nodes share the jobs: how far a run is, with each commit |
 * | `job_call` | the same: what one node asks of another |
 * | `data:KIND` | the last value of a symbol |
 * | `fetched:KIND` | when that was fetched: what the filters go by |
 *
 * Jobs that ran when the process ended go on by themselves.
 *
 * ## Holes
 * Feeds tell of holes, and each that a provider can fill becomes a job, a few at a time, after
 * those of users. The others wait in memory: whatever waits when the actor crashes stays a hole, as
 * does what the provider does not have. A hole is tried once, for as long as its job is known. Such
 * jobs are many and small, so they leave nothing behind that is kept for long: they have no cursor,
 * no kept report, and no say in what is fresh, and make room for jobs of users before one of these
 * does.
 *
 * ## Several nodes
 * A job runs on the node with the duty `job/NAME`, and goes on where it was on another when that
 * changes. All nodes know all jobs by their records, and pass on what they are asked about those of
 * others (see
 * `src/store/nodes/record_calls.ts`). A node that begins or goes on with a job first moves its
 * cursor, so that nothing of a former one is committed afterwards; the record of a job follows on
 * the one before in the same way. So a node that was held up and believes in a duty that it has
 * lost can neither commit nor say anything about the job, and what it had fetched and not committed
 * is fetched again.
 *
 * @module
 */

import { Cron } from "croner";
import {
  actor,
  type Clock,
  type Context,
  type Deferred,
  type Random,
  type Ref,
  textOf,
} from "../src/actor/mod.ts";
import { backoffMs } from "../src/feed/backoff.ts";
import { orAborted } from "../src/feed/gate.ts";
import { sleep } from "../src/feed/sleep.ts";
import { HOLE_JOBS_RUNNING_MAX, type HoleJob, HoleQueue } from "../src/batch/hole_jobs.ts";
import { DATA_KINDS, type DataKind } from "../src/batch/filter_kinds.ts";
import type { SymbolFacts } from "../src/batch/filter_rules.ts";
import { type Checkpoint, decodeCheckpoint } from "../src/batch/job_checkpoint.ts";
import { expiredCheckpoints, GENERATIONS, latestGood } from "../src/batch/job_generations.ts";
import {
  jobHash,
  type JobPlan,
  planJob,
  plannedItems,
  plannedRange,
} from "../src/batch/job_plan.ts";
import {
  CHECKPOINT_RECORDS,
  type JobAnswer,
  type JobCall,
  type JobCommit,
  type JobFailure,
  type JobRecord,
  JobRun,
  type JobSource,
  type JobValue,
} from "../src/batch/job_run.ts";
import {
  JOB_NAME_LENGTH_MAX,
  jobProblems,
  type JobSettings,
  jobSettings,
  type JobSpec,
} from "../src/batch/job_spec.ts";
import {
  type JobEvent,
  type JobState,
  nextJobState,
  recoveredJobState,
} from "../src/batch/job_state.ts";
import type { JobMode, JobReply, JobStatus } from "../src/batch/job_status.ts";
import type { LimitRate } from "../src/batch/limit_rate.ts";
import { Limiter } from "../src/batch/limiter.ts";
import { type Lease, LimiterGate } from "../src/batch/limiter_gate.ts";
import type { ProgressSnapshot } from "../src/batch/progress.ts";
import type { RunReport } from "../src/batch/report_schema.ts";
import {
  costOf,
  endpointFor,
  type EndpointInfo,
  type ProviderCapabilities,
  type SymbolResult,
  widestEndpoint,
} from "../src/provider/port.ts";
import type { Duties } from "../src/store/nodes/duties.ts";
import type { ChangedRecord } from "../src/store/nodes/followed_store.ts";
import { RecordCalls, type WaitingCall } from "../src/store/nodes/record_calls.ts";
import type { RecordNews } from "../src/store/nodes/record_news.ts";
import type { BatchRecord, CommitBatch, NewLetter } from "../src/store/port.ts";
import { recordStored } from "../src/store/record_stored.ts";
import type { Ingest, Store } from "./protocols.ts";
import {
  Backfill,
  HOLES_TOLD_MAX,
  type HolesTold,
  type PermitReply,
  type Provider,
} from "./protocols_batch.ts";
import type { IngestRef } from "./protocols_nodes.ts";

type ProviderRef = Ref<typeof Provider.definition>;

/** What the backfill is given. */
export interface BackfillArgs {
  readonly store: Ref<typeof Store.definition>;
  readonly pool: IngestRef;
  /** By name. */
  readonly providers: ReadonlyMap<string, ProviderRef>;
  /** Which of them fills the holes of feeds; default: none. */
  readonly fillHolesFrom?: string;
  /** Where several nodes share the jobs, see the module's text; default: all are this process's. */
  readonly shared?: {
    /** Name of this node. */
    readonly node: string;
    readonly duties: Duties;
    readonly news: RecordNews;
  };
  /** Told how jobs go: `progress` at most once a second, `job` whenever one changes its state. */
  readonly onEvent?: (type: "job" | "job_progress", status: JobStatus) => void;
  /** Told of each report, when a run is over, and whether it was for a hole of a feed. */
  readonly onReport?: (report: RunReport, of: "job" | "hole") => void | Promise<void>;
}

/** Jobs known at a time; each holds its symbols. */
const JOBS_MAX = 1_000;
/** Reports kept of all jobs together: three years of nights. */
const REPORTS_MAX = 1_000;
/** Old checkpoints are cleared away so often. */
const CLEAN_EVERY_MS = 3_600_000;
const ANSWER = { timeoutMs: 60_000 } as const;
/** The limit may be of a day. */
const PERMIT = { timeoutMs: 24 * 3_600_000 } as const;
const CALL = { timeoutMs: 300_000 } as const;
/** Waits for a store that cannot take a commit now, and for a provider that is started again. */
const RETRY_BACKOFF = { minMs: 500, maxMs: 15_000 } as const;
/** A stop waits so long for calls under way, to keep what they bring; an actor has 5 s to stop. */
const STOP_MS = 2_000;
/** A backfill can wait: feeds go first. */
const PRIORITY = 2;
/** A hole can wait for the jobs that somebody asked for. */
const HOLE_PRIORITY = 1;
/** Whom the limits know all jobs for holes as: together they get the share of one job. */
const HOLE_USER = "job/holes";
const KIND_JOB = "job";
const KIND_PLAN = "job_plan";
const KIND_REPORT = "job_report";
const KIND_PROGRESS = "job_progress";
const KIND_CALL = "job_call";
/** Tries to move a cursor that others move too. */
const CLAIMS_MAX = 5;

/** See {@linkcode Backfill}. */
export const backfill = actor(Backfill, async (ctx, args: BackfillArgs) => {
  const jobs = new Jobs(ctx, args);
  ctx.onStop(() => jobs.stop());
  if (args.shared !== undefined) {
    const { duties, news } = args.shared;
    ctx.onStop(duties.watch(() => void ctx.self.tell("duties", {})));
    ctx.onStop(news.watch((changed) => {
      const own = changed?.filter(({ kind }) => kind.startsWith(KIND_JOB)) ?? null;
      if (own === null || own.length > 0) ctx.self.tell("changed", { changed: own });
    }));
  }
  await jobs.load();
  ctx.timer("clean", { delayMs: CLEAN_EVERY_MS, everyMs: CLEAN_EVERY_MS }, "due", {});
  return {
    start: ({ job, mode }) => jobs.answer(() => jobs.ask(job.name, { type: "start", job, mode })),
    jobs: () => jobs.list(),
    job: ({ name }) => jobs.look(name),
    pause: ({ name }) => jobs.answer(() => jobs.ask(name, { type: "pause" })),
    resume: ({ name }) => jobs.answer(() => jobs.ask(name, { type: "resume" })),
    cancel: ({ name }) => jobs.answer(() => jobs.ask(name, { type: "cancel" })),
    ended: ({ name }) => jobs.whenEnded(name),
    report: ({ name }) => jobs.report(name),
    reports: ({ job, limit }) => jobs.answer(() => jobs.reports(job ?? null, limit)),
    holes: (told) => jobs.holes(told),
    due: () => jobs.due(),
    fill: () => jobs.fillAgain(),
    over: ({ name, run, error }) => jobs.over(name, run, error),
    duties: () => void jobs.dutiesChanged(),
    changed: ({ changed }) => void jobs.changed(changed),
  };
});

/** A job as it is kept. */
interface KeptJob {
  readonly spec: JobSpec;
  /** Opened for a hole of a feed. */
  readonly isHole: boolean;
  readonly state: JobState;
  readonly runId: string | null;
  readonly startedMs: number | null;
  readonly endedMs: number | null;
  readonly items: number;
  readonly settled: number;
  readonly failed: number;
  readonly missed: number;
  readonly nextMs: number | null;
  readonly lastError: string | null;
  /** Node that said so, where several share the jobs. */
  readonly node?: string;
  /** The last call of another node that it obeyed. */
  readonly lastCall?: string;
}

/** What one node asks another of a job. */
type JobOrder =
  | { readonly type: "start"; readonly job: JobSpec; readonly mode: JobMode }
  | { readonly type: "pause" | "resume" | "cancel" | "report" }
  | { readonly type: "hole"; readonly hole: HoleJob };

/** How far a run is, as other nodes see it. */
interface KeptProgress {
  readonly settled: number;
  readonly failed: number;
  readonly progress: ProgressSnapshot | null;
}

interface Job extends Omit<KeptJob, "spec" | "state" | "node" | "lastCall"> {
  spec: JobSpec;
  state: JobState;
  runId: string | null;
  startedMs: number | null;
  endedMs: number | null;
  items: number;
  settled: number;
  failed: number;
  missed: number;
  nextMs: number | null;
  lastError: string | null;
  run: JobRun | null;
  /** Counts the runs since the actor began: what a former one says does not count. */
  runs: number;
  progress: ProgressSnapshot | null;
  lastReport: RunReport | null;
  ending: Deferred<JobReply>[];
  /** Whether this node runs it. */
  isOwn: boolean;
  /** Who said last how it is; null = this process, which is alone. */
  node: string | null;
  lastCall: string | null;
  /** Cursor of what was said last of it; null = nothing was, or nobody else says anything. */
  said: string | null;
  /** Ends what is under way for a run that is another node's by now. */
  cut: AbortController;
}

/** A job for a hole in these will not be gone on with. */
const HOLE_OVER: ReadonlySet<JobState> = new Set(["done", "cancelled", "failed"]);

const AT_REST: ReadonlySet<JobState> = new Set([
  "pending",
  "paused",
  "cancelled",
  "done",
  "failed",
]);

class Jobs {
  readonly #ctx: Context<typeof Backfill.definition>;
  readonly #args: BackfillArgs;
  readonly #jobs = new Map<string, Job>();
  /** Nothing of this incarnation acts any more. */
  readonly #abort = new AbortController();
  /** Writes about jobs follow one another. */
  #writing: Promise<void> = Promise.resolve();
  readonly #holes: HoleQueue | null;
  /** Jobs for holes are being opened, or will be when the provider answers again. */
  #isFilling = false;
  /** There was no room for holes since the last time that none waited: said once. */
  #isCrowded = false;
  /** Why holes were not tried, each said once: as many as there are granularities and limits. */
  readonly #unfillable = new Set<string>();
  readonly #running = new Set<Promise<void>>();
  /** To other nodes; null when there are none. */
  readonly #calls: RecordCalls | null;
  /** Calls of others that are being carried out. */
  readonly #serving = new Set<string>();

  constructor(ctx: Context<typeof Backfill.definition>, args: BackfillArgs) {
    this.#ctx = ctx;
    this.#args = args;
    this.#holes = args.fillHolesFrom === undefined ? null : new HoleQueue(args.fillHolesFrom);
    const { store, shared } = args;
    this.#calls = shared === undefined ? null : new RecordCalls({
      kind: KIND_CALL,
      node: shared.node,
      clock: ctx.clock,
      random: ctx.random,
      records: {
        write: (records) => this.#commitRecords(records),
        cursor: (feed) => this.#cursor(feed),
        writeAfter: (move, records) => this.#moved({ ...move, series: [], records }),
        get: (kind, key) => store.ask("record", { kind, key }, ANSWER),
        list: (kind) => store.ask("records", { kind }, ANSWER),
      },
    });
  }

  get #clock(): Clock {
    return this.#ctx.clock;
  }

  /** Deferred, since whoever answers asks others. */
  answer<T>(run: () => Promise<T>): Deferred<T> {
    const reply = this.#ctx.defer<T>();
    run().then((found) => reply.resolve(found), (error) => reply.reject(error));
    return reply;
  }

  // ---- at the beginning and the end
  // ---------------------------------------------------------------

  async load(): Promise<void> {
    const { store } = this.#args;
    const nowMs = this.#clock.wallNow();
    for (const { key, json } of await store.ask("records", { kind: KIND_JOB }, ANSWER)) {
      const kept = JSON.parse(json) as KeptJob;
      const isOwn = this.#owns(key);
      const state = isOwn ? recoveredJobState(kept.state) : kept.state;
      const job: Job = { ...this.#newState(isOwn), ...kept, ...keptMarks(kept), state };
      this.#jobs.set(key, job);
      if (!isOwn) continue;
      job.said = await this.#saidOf(key, job.isHole);
      const { missed } = job;
      this.#lookAtSchedule(job, nowMs);
      if (job.missed > missed || job.state !== kept.state) await this.#keep(job);
    }
    for (const job of this.#jobs.values()) {
      if (!job.isOwn || job.state !== "pending" || job.runId === null) continue;
      this.#ctx.log("info", "a job goes on", { job: job.spec.name });
      this.#begin(job, "resume");
    }
    this.#arm();
    this.#serve();
    await this.#clean();
  }

  async stop(): Promise<void> {
    for (const { run } of this.#jobs.values()) run?.stop();
    const saved = Promise.allSettled([...this.#running]);
    const late = new AbortController();
    const limit = sleep(this.#clock, STOP_MS, late.signal).catch(() => {});
    await Promise.race([saved, limit]);
    late.abort();
    this.#abort.abort(new DOMException("The backfill stops", "AbortError"));
    await saved;
    await this.#writing;
  }

  // ---- requests
  // -----------------------------------------------------------------------------------

  async start(spec: JobSpec, mode: JobMode, call: string | null = null): Promise<JobReply> {
    const problems = [...jobProblems(spec), ...scheduleProblems(spec)];
    if (mode === "schedule" && spec.schedule === undefined) {
      problems.push("schedule: expected one with mode schedule");
    }
    if (problems.length > 0) return refused(`Cannot start the job: ${problems.join("; ")}`);
    if (!this.#args.providers.has(spec.provider)) {
      const names = [...this.#args.providers.keys()].join(", ") || "none is set up";
      return refused(
        `Cannot start job ${spec.name}: expected a provider of ${names}: ` +
          `current value is ${spec.provider}`,
      );
    }
    const known = this.#jobs.get(spec.name);
    if (known === undefined && !this.#hasRoom() && !this.#forgetHole() && !this.#forgetOne()) {
      return refused(`Cannot start job ${spec.name}: expected at most ${JOBS_MAX} jobs`);
    }
    if (known !== undefined && !AT_REST.has(known.state)) {
      return refused(
        `Cannot start job ${spec.name}: expected one at rest: current value is ${known.state}`,
      );
    }
    const job = known ?? this.#newJob(spec, "user");
    // One that was forgotten leaves its cursors behind.
    if (known === undefined) job.said = await this.#saidOf(spec.name, false);
    job.lastCall = call;
    if (mode === "schedule" || (isScheduled(spec) && mode === "resume" && known === undefined)) {
      // A scheduled job waits for its time; started again by hand it runs at once.
      this.#adopt(job, spec);
      await this.#keep(job);
      return ok(job);
    }
    const isContinued = mode === "resume" && job.runId !== null && job.state !== "done" &&
      job.state !== "cancelled";
    if (isContinued && jobHash(jobSettings(spec)) !== jobHash(jobSettings(job.spec))) {
      return refused(
        `Cannot resume job ${spec.name}: expected the symbols, kinds and times that it began with` +
          ": start it with mode restart",
      );
    }
    this.#adopt(job, spec);
    return await this.#begun(job, isContinued ? "resume" : "restart");
  }

  /** Begins a run and says what came of it. */
  async #begun(job: Job, mode: "resume" | "restart"): Promise<JobReply> {
    const problem = await this.#begin(job, mode);
    return problem === null ? ok(job) : refused(problem);
  }

  /** What a job asks for now; its next time is found anew when its schedule is another. */
  #adopt(job: Job, spec: JobSpec): void {
    if (JSON.stringify(job.spec.schedule) !== JSON.stringify(spec.schedule)) job.nextMs = null;
    job.spec = spec;
    this.#lookAtSchedule(job, this.#clock.wallNow());
    this.#arm();
  }

  #newJob(spec: JobSpec, by: "user" | "feed"): Job {
    const job: Job = {
      ...this.#newState(true),
      spec,
      isHole: by === "feed",
      state: "pending",
      runId: null,
      startedMs: null,
      endedMs: null,
      items: 0,
      settled: 0,
      failed: 0,
      missed: 0,
      nextMs: null,
      lastError: null,
    };
    this.#jobs.set(spec.name, job);
    return job;
  }

  /** What is not kept of a job. */
  #newState(isOwn: boolean) {
    return {
      run: null,
      runs: this.#ctx.incarnation * 2 ** 20,
      progress: null,
      lastReport: null,
      ending: [],
      isOwn,
      node: this.#args.shared?.node ?? null,
      lastCall: null,
      said: null,
      cut: new AbortController(),
    } satisfies Partial<Job>;
  }

  #hasRoom(): boolean {
    return this.#jobs.size < JOBS_MAX;
  }

  /** The job that ended first makes room; false when none can. */
  #forgetOne(): boolean {
    return this.#forgetOldest(({ state }) => state === "done" || state === "cancelled");
  }

  /** As {@linkcode #forgetOne}, of the jobs for holes; nobody goes on with one that failed. */
  #forgetHole(): boolean {
    return this.#forgetOldest(({ isHole, state }) => isHole && HOLE_OVER.has(state));
  }

  #forgetOldest(may: (job: Job) => boolean): boolean {
    let oldest: Job | null = null;
    for (const job of this.#jobs.values()) {
      if (job.nextMs !== null || !may(job)) continue;
      if (oldest === null || (job.endedMs ?? 0) < (oldest.endedMs ?? 0)) oldest = job;
    }
    if (oldest === null) return false;
    const { name } = oldest.spec;
    this.#jobs.delete(name);
    this.#write(async () => {
      await this.#args.store.ask("dropRecord", { kind: KIND_JOB, key: name }, ANSWER);
      await this.#dropRun(name);
    });
    return true;
  }

  async change(name: string, event: "pause" | "cancel"): Promise<JobReply> {
    const job = this.#jobs.get(name);
    if (job === undefined) return unknown(name);
    const next = nextJobState(job.state, event);
    if (event === "cancel" && isScheduled(job.spec)) {
      // It does not come again either, so one that has ended can be cancelled too.
      const { schedule: _, ...spec } = job.spec;
      this.#adopt(job, spec);
      if (!next.ok) {
        await this.#keep(job);
        return ok(job);
      }
    }
    if (!next.ok) return refused(next.reason);
    job.state = next.state;
    job.run?.stop();
    // What cannot be written is logged, and holds all the same until the process ends.
    if (AT_REST.has(job.state)) await this.#rests(job);
    else await this.#keep(job).catch(() => {});
    if (job.state === "cancelled") await this.#write(() => this.#dropRun(name));
    this.#tell("job", job);
    return ok(job);
  }

  async resume(name: string): Promise<JobReply> {
    const job = this.#jobs.get(name);
    if (job === undefined) return unknown(name);
    if (job.state !== "paused" && job.state !== "failed" && job.state !== "pending") {
      const next = nextJobState(job.state, "resume");
      return refused(
        next.ok
          ? `Cannot resume job ${name}: expected one at rest: current value is ${job.state}`
          : next.reason,
      );
    }
    return await this.#begun(job, job.runId === null ? "restart" : "resume");
  }

  list(): JobStatus[] {
    return Array.from(this.#jobs.values(), (job) => statusOf(job))
      .sort((a, b) => a.name < b.name ? -1 : 1);
  }

  look(name: string): JobReply {
    const job = this.#jobs.get(name);
    return job === undefined ? unknown(name) : ok(job);
  }

  whenEnded(name: string): JobReply | Deferred<JobReply> {
    const job = this.#jobs.get(name);
    if (job === undefined || AT_REST.has(job.state)) return this.look(name);
    const reply = this.#ctx.defer<JobReply>();
    job.ending.push(reply);
    return reply;
  }

  report(name: string): RunReport | null | Deferred<RunReport | null> {
    const job = this.#jobs.get(name);
    if (job === undefined) return null;
    if (!job.isOwn && !AT_REST.has(job.state)) {
      return this.answer(async () => {
        const answer = await this.#calls?.ask(name, { type: "report" } satisfies JobOrder) ?? null;
        return answer === null ? await this.#reportHere(name) : answer.value as RunReport | null;
      });
    }
    if (job.run !== null) return job.run.report("running");
    return this.answer(() => this.#reportHere(name));
  }

  async #reportHere(name: string): Promise<RunReport | null> {
    const job = this.#jobs.get(name);
    if (job?.isOwn && job.run !== null) return job.run.report("running");
    if (job?.isOwn && job.lastReport !== null) return job.lastReport;
    return (await this.reports(name, 1)).at(-1) ?? null;
  }

  async reports(job: string | null, limit: number): Promise<RunReport[]> {
    const records = await this.#args.store.ask("records", { kind: KIND_REPORT }, ANSWER);
    return records.map(({ json }) => JSON.parse(json) as RunReport)
      .filter(({ run_summary }) => job === null || run_summary.job === job)
      .sort((a, b) => a.run_summary.started_at < b.run_summary.started_at ? -1 : 1)
      .slice(-limit);
  }

  // ---- a run
  // --------------------------------------------------------------------------------------

  /** Begins a run, or goes on with the last one; says why it cannot, and null when it does. */
  async #begin(job: Job, mode: "resume" | "restart"): Promise<string | null> {
    const next = nextJobState(
      job.state === "done" || job.state === "cancelled" || mode === "restart"
        ? "pending"
        : job.state,
      job.state === "pending" || mode === "restart" ? "start" : "resume",
    );
    if (!next.ok) return next.reason;
    job.state = next.state;
    job.lastError = null;
    const number = ++job.runs;
    let run: JobRun;
    try {
      run = await this.#ready(job, mode);
    } catch (error) {
      this.#fails(job, error);
      return textOf(error);
    }
    // It may have been paused while it was made ready.
    if (job.state !== "running") run.stop();
    const { name } = job.spec;
    const running = run.run().then(
      () => this.#ctx.self.tell("over", { name, run: number, error: null }),
      (error) => this.#ctx.self.tell("over", { name, run: number, error }),
    ).then(() => {});
    this.#running.add(running);
    running.finally(() => this.#running.delete(running));
    return null;
  }

  /** Plan, checkpoint and source of a run. */
  async #ready(job: Job, mode: "resume" | "restart"): Promise<JobRun> {
    const settings = jobSettings(job.spec);
    const provider = this.#args.providers.get(settings.provider);
    if (provider === undefined) {
      throw new Error(`Cannot run job ${settings.name}: there is no provider ${settings.provider}`);
    }
    const capabilities = await provider.ask("capabilities", {}, ANSWER);
    const { isHole } = job;
    const feed = isHole ? null : `job/${settings.name}`;
    // Before anything is read that a former owner could still change.
    let after = await this.#claimed(job, feed);
    const plan = mode === "resume" ? await this.#keptPlan(job) : null;
    const made = plan ?? await this.#newPlan(job, provider, capabilities);
    const checkpoint = plan === null ? null : await this.#checkpoint(settings.name, plan.runId);
    const endpoint = endpointsOf(capabilities, made, settings.granularity);
    // Says which kinds it cannot fetch before anything is fetched.
    for (const { kind } of made.kinds) endpoint(kind);
    let commits = commitsOf(after, made.runId);
    const part = this.#partOf(job);
    const { cut } = job;
    job.runId = made.runId;
    job.items = plannedItems(made);
    job.startedMs ??= this.#clock.wallNow();
    job.endedMs = null;
    if (plan === null) job.startedMs = this.#clock.wallNow();
    const run = new JobRun({
      settings,
      plan: made,
      checkpoint,
      source: new ProviderSource({
        clock: this.#clock,
        random: this.#ctx.random,
        provider,
        user: feed ?? HOLE_USER,
        priority: isHole ? HOLE_PRIORITY : PRIORITY,
        notes: isHole ? "none" : "fetched",
        endpoint,
        rate: ownRate(settings.rate, capabilities),
        over: AbortSignal.any([this.#abort.signal, cut.signal]),
      }),
      commit: async (commit) => {
        // Of this part of the run alone: a commit of a former one may still be on its way.
        const cursor = `${made.runId}#${++commits}-${part}`;
        const signal = AbortSignal.any([this.#abort.signal, cut.signal]);
        await this.#commit(job, { feed, after, cursor }, this.#withProgress(job, commit), signal);
        after = cursor;
      },
      clock: this.#clock,
      random: this.#ctx.random,
      onProgress: (progress) => {
        job.progress = progress;
        this.#tell("job_progress", job);
      },
    });
    job.run = run;
    job.settled = run.settled;
    job.failed = run.failed;
    await this.#keep(job);
    this.#tell("job", job);
    return run;
  }

  async #keptPlan({ spec, runId }: Job): Promise<JobPlan | null> {
    const { store } = this.#args;
    const json = await store.ask("record", { kind: KIND_PLAN, key: spec.name }, ANSWER);
    const plan = json === null ? null : JSON.parse(json) as JobPlan;
    return plan !== null && plan.runId === runId && plan.job === jobHash(jobSettings(spec))
      ? plan
      : null;
  }

  async #newPlan(
    { spec, isHole }: Job,
    provider: ProviderRef,
    capabilities: ProviderCapabilities,
  ): Promise<JobPlan> {
    const settings = jobSettings(spec);
    const nowMs = this.#clock.wallNow();
    const runId = `${spec.name}-${new Date(nowMs).toISOString().replace(/[-:.]/g, "")}`;
    const facts = isHole ? NONE : await this.#facts(settings.kinds);
    // Planned twice: which endpoint takes the prices hangs on their time, which the plan says.
    const one = { ...settings, symbols: settings.symbols.slice(0, 1) };
    const first = planJob(one, runId, NONE, { batch: null }, nowMs);
    const endpoint = endpointsOf(capabilities, first, settings.granularity);
    const { chunk } = settings;
    const perCall = settings.kinds.includes("prices") ? endpoint("prices") : null;
    const size = chunk.mode === "fixed" ? chunk.size : chunk.start;
    const batch = perCall === null || perCall.symbolsMax === 1
      ? null
      : { endpoint: perCall.name, symbolsMax: Math.min(size, perCall.symbolsMax) };
    const groupOf = await this.#groups(settings, provider, endpoint);
    const plan = planJob(settings, runId, facts, { batch, groupOf }, nowMs);
    await this.#dropRun(spec.name);
    await this.#put(KIND_PLAN, spec.name, plan);
    return plan;
  }

  /** Which symbols may share a call, for the kinds whose endpoints take several. */
  async #groups(
    { kinds, symbols }: JobSettings,
    provider: ProviderRef,
    endpoint: EndpointOf,
  ): Promise<(kind: DataKind, symbol: string) => string> {
    const groups = new Map<DataKind, Map<string, string>>();
    for (const kind of kinds) {
      const { name, symbolsMax } = endpoint(kind);
      if (symbolsMax === 1) continue;
      const found = await provider.ask("groups", { endpoint: name, symbols }, ANSWER);
      groups.set(kind, new Map(symbols.map((symbol, i) => [symbol, found[i] ?? ""])));
    }
    return (kind, symbol) => groups.get(kind)?.get(symbol) ?? "";
  }

  /** What is known of every symbol: when each kind was fetched. */
  async #facts(kinds: readonly DataKind[]): Promise<Map<string, SymbolFacts>> {
    const facts = new Map<string, SymbolFacts>();
    for (const kind of DATA_KINDS) {
      if (!kinds.includes(kind)) continue;
      const { store } = this.#args;
      for (const { key, json } of await store.ask("records", { kind: fetchedKind(kind) }, ANSWER)) {
        const { atMs, everPaid } = JSON.parse(json) as Fetched;
        const known = facts.get(key) ?? {};
        facts.set(key, {
          ...known,
          fetchedMs: { ...known.fetchedMs, [kind]: atMs },
          ...(everPaid === undefined ? {} : { dividends: { everPaid, checkedMs: atMs } }),
          ...(kind === "profiles" ? { profileMs: atMs } : {}),
        });
      }
    }
    return facts;
  }

  async #checkpoint(job: string, plan: string): Promise<Checkpoint | null> {
    const stored: { key: string; text: string }[] = [];
    for (const generation of GENERATIONS) {
      const key = `${job}/${generation}`;
      const { store } = this.#args;
      const text = await store.ask("record", { kind: CHECKPOINT_RECORDS, key }, ANSWER);
      if (text !== null) stored.push({ key, text });
    }
    const { checkpoint, refused } = latestGood(stored, { job, plan });
    for (const { key, why } of refused) {
      this.#ctx.log("warn", "a checkpoint is not used", { key, why });
    }
    return checkpoint;
  }

  /** Commits until it is committed: what was fetched is not given up because a disk is full. */
  async #commit(
    job: Job,
    { feed, after, cursor }: { feed: string | null; after: string | null; cursor: string },
    { blocks, records, dead }: JobCommit,
    signal: AbortSignal,
  ): Promise<void> {
    const letters = dead.map((item) => this.#letterOf(item, job.spec));
    const batch = { feed, after, cursor, blocks, records, letters };
    for (let failures = 0;;) {
      signal.throwIfAborted();
      const reply = await this.#ingest(batch, job.isHole ? HOLE_PRIORITY : PRIORITY);
      if (reply.state === "committed") break;
      // The answer to a commit may have been lost with the thread that made it.
      const stands = await this.#cursor(feed).catch(() => after);
      if (stands === cursor) break;
      if (stands !== after) throw new CursorMoved(job.spec.name, after, stands);
      let pauseMs: number;
      if (reply.state === "refused") pauseMs = reply.retryAfterMs;
      else {
        const { name } = job.spec;
        job.lastError = reply.message;
        this.#ctx.log("warn", "a job waits for the store", { job: name, reason: reply.message });
        pauseMs = backoffMs(failures++, RETRY_BACKOFF, this.#ctx.random);
      }
      await sleep(this.#clock, pauseMs, signal);
    }
    job.lastError = null;
  }

  /** The pool's answer; what comes instead of one when it is started again is a failure, too. */
  async #ingest(batch: JobBatch, priority: number) {
    try {
      return await this.#args.pool.ask(
        "ingest",
        { ...batch, priority, bulk: true },
        CALL,
      );
    } catch (error) {
      return { state: "failed", message: textOf(error) } as const;
    }
  }

  /** The committed cursor; none of a job for a hole, whose candles may come twice. */
  async #cursor(feed: string | null): Promise<string | null> {
    return feed === null ? null : await this.#args.store.ask("cursor", { feed }, ANSWER);
  }

  /** Sent again, the letter of an item starts a job of that item alone. */
  #letterOf(
    { kind, symbol, error, attempts }: JobCommit["dead"][number],
    spec: JobSpec,
  ): NewLetter {
    const { schedule: _, filters: __, ...rest } = spec;
    const name = `${spec.name}-${kind}-${symbol}`.replace(/[^A-Za-z0-9._-]/g, "-")
      .slice(0, JOB_NAME_LENGTH_MAX);
    const job = { ...rest, name, symbols: [symbol], kinds: [kind] };
    return {
      atMs: this.#clock.wallNow(),
      path: this.#ctx.path,
      type: "start",
      reason: "item_failed",
      error: `${symbol}, ${kind}, ${attempts} tries: ${error}`,
      payload: JSON.stringify({ job, mode: "restart" }),
    };
  }

  /** A run is over, however it ended. */
  over(name: string, number: number, error: unknown): void {
    const job = this.#jobs.get(name);
    if (job === undefined || job.runs !== number || job.run === null) return;
    if (this.#abort.signal.aborted) return;
    if (error instanceof CursorMoved && !this.#owns(name)) return this.#lose(job);
    if (error instanceof CursorMoved && job.state === "running") {
      this.#ctx.log("warn", "a job begins again where it is", { job: name, reason: error.message });
      job.state = "pending";
      job.run = null;
      this.#begin(job, "resume");
      return;
    }
    if (error !== null) return this.#fails(job, error);
    const { run } = job;
    const isDone = run.settled === job.items;
    const event: JobEvent = isDone ? "finish" : "stopped";
    const next = nextJobState(job.state, event);
    job.state = next.ok ? next.state : "failed";
    this.#ends(job);
  }

  #fails(job: Job, error: unknown): void {
    if (this.#abort.signal.aborted) return;
    if (error instanceof JobMoved) return this.#lose(job);
    job.lastError = textOf(error);
    job.state = "failed";
    this.#ctx.log("error", "a job failed", { job: job.spec.name, reason: job.lastError });
    this.#ends(job);
  }

  #ends(job: Job): void {
    const { run } = job;
    job.endedMs = this.#clock.wallNow();
    if (run !== null) {
      job.settled = run.settled;
      job.failed = run.failed;
      const state = job.state === "done" || job.state === "failed" || job.state === "cancelled"
        ? job.state
        : "paused";
      job.lastReport = run.report(state);
    }
    job.run = null;
    job.progress = null;
    const { lastReport } = job;
    // In this order: whatever a kill leaves out of it, the run is not begun anew.
    if (run !== null && lastReport !== null) this.#later(() => this.#keepReport(job, lastReport));
    const isKept = this.#rests(job);
    if (job.state === "done" || job.state === "cancelled") {
      this.#later(async () => {
        if (await isKept) await this.#dropRun(job.spec.name);
      });
    }
    this.#tell("job", job);
    if (job.isHole) this.#fill();
  }

  /** Keeps it and answers whoever waits for it to rest; false when it could not be kept. */
  async #rests(job: Job): Promise<boolean> {
    let isKept = true;
    await this.#keep(job).catch(() => isKept = false);
    for (const waiting of job.ending.splice(0)) waiting.resolve(ok(job));
    return isKept;
  }

  async #keepReport({ isHole }: Job, report: RunReport): Promise<void> {
    if (isHole) return await this.#args.onReport?.(report, "hole");
    const { run_summary } = report;
    await this.#put(KIND_REPORT, run_summary.run_id, report);
    await this.#args.onReport?.(report, "job");
    const kept = await this.#args.store.ask("records", { kind: KIND_REPORT }, ANSWER);
    // A name ends with the time of its run, see #newPlan.
    const byTime = kept.map(({ key }) => key).sort((a, b) => timeIn(a) < timeIn(b) ? -1 : 1);
    for (const key of byTime.slice(0, Math.max(0, kept.length - REPORTS_MAX))) {
      await this.#args.store.ask("dropRecord", { kind: KIND_REPORT, key }, ANSWER);
    }
  }

  /** Plan and checkpoints of a run that will not go on. */
  async #dropRun(name: string): Promise<void> {
    const { store } = this.#args;
    await store.ask("dropRecord", { kind: KIND_PLAN, key: name }, ANSWER);
    for (const generation of GENERATIONS) {
      const key = `${name}/${generation}`;
      await store.ask("dropRecord", { kind: CHECKPOINT_RECORDS, key }, ANSWER);
    }
    if (this.#args.shared === undefined) return;
    await store.ask("dropRecord", { kind: KIND_PROGRESS, key: name }, ANSWER);
  }

  /** Checkpoints of jobs that nobody went on with for a week. */
  async #clean(): Promise<void> {
    const { store } = this.#args;
    if (!this.#owns(CLEANING)) return;
    const alive = new Set<string>();
    for (const { spec, state } of this.#jobs.values()) {
      if (state !== "failed" && state !== "cancelled" && state !== "done") alive.add(spec.name);
    }
    const ages = [];
    for (
      const { key, json } of await store.ask("records", { kind: CHECKPOINT_RECORDS }, ANSWER)
    ) {
      const decoded = decodeCheckpoint(json);
      const job = key.slice(0, key.lastIndexOf("/"));
      if (decoded.ok) ages.push({ key, job, savedMs: decoded.checkpoint.savedMs });
    }
    for (const key of expiredCheckpoints(ages, alive, this.#clock.wallNow())) {
      await store.ask("dropRecord", { kind: CHECKPOINT_RECORDS, key }, ANSWER);
    }
  }

  // ---- holes
  // ----------------------------------------------------------------------------------------

  /** A feed has holes: each becomes a job, now or when there is room. */
  holes({ series, holes }: HolesTold): void {
    if (this.#holes === null) return;
    const told = holes.slice(0, HOLES_TOLD_MAX);
    const leftOut = this.#holes.add(series, told, (name) => this.#jobs.has(name));
    if (leftOut > 0) {
      const inAll = this.#holes.leftOut;
      const level = this.#isCrowded ? "debug" : "warn";
      this.#ctx.log(level, "too many holes wait: these stay", { series, leftOut, inAll });
      this.#isCrowded = true;
    }
    this.#fill();
  }

  fillAgain(): void {
    this.#isFilling = false;
    this.#fill();
  }

  #fill(): void {
    const { fillHolesFrom } = this.#args;
    if (this.#isFilling || this.#holes === null || this.#holes.size === 0) return;
    const provider = this.#args.providers.get(fillHolesFrom ?? "");
    if (provider === undefined) return;
    this.#isFilling = true;
    this.#openHoleJobs(this.#holes, provider).catch((error) => {
      if (this.#abort.signal.aborted) return;
      this.#ctx.log("warn", "holes wait for their provider", { reason: textOf(error) });
      this.#ctx.timer("fill", { delayMs: RETRY_BACKOFF.maxMs }, "fill", {});
    });
  }

  async #openHoleJobs(holes: HoleQueue, provider: ProviderRef): Promise<void> {
    const capabilities = await provider.ask("capabilities", {}, ANSWER);
    while (this.#holeJobsRunning() < HOLE_JOBS_RUNNING_MAX && !this.#abort.signal.aborted) {
      const job = holes.take();
      this.#isCrowded &&= job !== null;
      if (job === null) break;
      if (this.#isFillable(job, capabilities)) await this.#openHoleJob(job);
    }
    this.#isFilling = false;
  }

  #holeJobsRunning(): number {
    let running = 0;
    for (const { isHole, state } of this.#jobs.values()) {
      if (isHole && !AT_REST.has(state)) running++;
    }
    return running;
  }

  /** Whether the provider has such bars at all, and gives so many at once. */
  #isFillable(job: HoleJob, { endpoints }: ProviderCapabilities): boolean {
    const { granularity, from: fromMs, to: toMs, provider } = job;
    const shape = { kind: "prices", fromMs, toMs, granularity, symbolCount: 1 } as const;
    const found = endpointFor(endpoints, shape);
    if (typeof found !== "string") return true;
    const why = `${granularity}: ${found}`;
    if (!this.#unfillable.has(why)) {
      this.#ctx.log("warn", "such holes cannot be filled", {
        provider,
        granularity,
        reason: found,
      });
    }
    this.#unfillable.add(why);
    return false;
  }

  async #openHoleJob(spec: HoleJob): Promise<void> {
    const { name, from, to } = spec;
    // It may have been started by hand while it waited.
    if (this.#jobs.has(name)) return;
    if (!this.#owns(name)) {
      await this.#calls?.ask(name, { type: "hole", hole: spec } satisfies JobOrder);
      return;
    }
    if (!this.#hasRoom() && !this.#forgetHole()) {
      this.#ctx.log("warn", "a hole stays: there are too many jobs", { job: name });
      return;
    }
    const range = { from: new Date(from).toISOString(), to: new Date(to).toISOString() };
    this.#ctx.log("info", "a job was opened for a hole", { job: name, ...range });
    await this.#begin(this.#newJob(spec, "feed"), "restart");
  }

  // ---- several nodes
  // --------------------------------------------------------------------------------

  #owns(name: string): boolean {
    return this.#args.shared?.duties.owns(`job/${name}`) ?? true;
  }

  /** Whoever runs the job does what is asked. */
  async ask(name: string, order: JobOrder): Promise<JobReply> {
    if (this.#calls === null) return await this.#obey(name, order, null);
    if (this.#owns(name)) {
      const reply = await this.#obey(name, order, null);
      if (this.#jobs.get(name)?.isOwn !== false) return reply;
    }
    const answer = await this.#calls.ask(name, order);
    await this.#see(name);
    if (answer !== null) return answer.value as JobReply;
    const { node = null } = this.#jobs.get(name) ?? {};
    return refused(
      `Cannot ${order.type} job ${name}: expected an answer of the node that runs it: ` +
        `current value is none${node === null ? "" : `; the last was ${node}`}`,
    );
  }

  async #obey(name: string, order: JobOrder, call: string | null): Promise<JobReply> {
    const job = this.#jobs.get(name);
    // It had been carried out when the job came here.
    if (call !== null && job?.lastCall === call) return ok(job);
    if (job !== undefined && call !== null) job.lastCall = call;
    if (order.type === "start") return await this.start(order.job, order.mode, call);
    if (order.type === "resume") return await this.resume(name);
    if (order.type === "pause" || order.type === "cancel") {
      return await this.change(name, order.type);
    }
    if (order.type === "hole") await this.#openHoleJob(order.hole);
    return this.look(name);
  }

  /** Carries out what other nodes ask of the jobs that are here. */
  async #serve(): Promise<void> {
    if (this.#calls === null) return;
    try {
      for (const call of await this.#calls.waiting()) {
        if (this.#serving.has(call.key) || !this.#owns(call.about)) continue;
        this.#serving.add(call.key);
        this.#carryOut(this.#calls, call).finally(() => this.#serving.delete(call.key));
      }
    } catch (error) {
      this.#notServed(error);
    }
  }

  async #carryOut(calls: RecordCalls, call: WaitingCall): Promise<void> {
    try {
      if (!await calls.take(call)) return;
      const order = call.payload as JobOrder;
      // A job that has just come here is as its record says once that was read.
      if (this.#jobs.get(call.about)?.isOwn === false) await this.#gain(call.about);
      const answer = order.type === "report"
        ? await this.#reportHere(call.about)
        : await this.#obey(call.about, order, call.key);
      const isHere = this.#owns(call.about) && this.#jobs.get(call.about)?.isOwn !== false;
      if (isHere) await calls.answer(call, answer);
    } catch (error) {
      this.#notServed(error);
    }
  }

  #notServed(error: unknown): void {
    if (this.#abort.signal.aborted) return;
    const reason = textOf(error);
    this.#ctx.log("warn", "what another node asked of a job waits", { reason });
    this.#ctx.timer("serve", { delayMs: RETRY_BACKOFF.minMs }, "changed", { changed: null });
  }

  /** Records of jobs were written, by whichever node; null: nobody knows which. */
  async changed(changed: readonly ChangedRecord[] | null): Promise<void> {
    if (this.#calls === null) return;
    if (this.#calls.heard(changed)) void this.#serve();
    const names = changed === null
      ? await this.#allNames()
      : changed.filter(({ kind }) => kind === KIND_JOB || kind === KIND_PROGRESS)
        .map(({ key }) => key);
    for (const name of new Set(names)) await this.#see(name);
  }

  async #allNames(): Promise<string[]> {
    const kept = await this.#args.store.ask("records", { kind: KIND_JOB }, ANSWER)
      .catch(() => []);
    return [...this.#jobs.keys(), ...kept.map(({ key }) => key)];
  }

  /** Looks how a job of another node is. */
  async #see(name: string): Promise<void> {
    if (this.#jobs.get(name)?.isOwn === true || this.#abort.signal.aborted) return;
    const { store } = this.#args;
    const [json, progress] = await Promise.all(
      [KIND_JOB, KIND_PROGRESS].map((kind) => store.ask("record", { kind, key: name }, ANSWER)),
    ).catch(() => [undefined, undefined]);
    const known = this.#jobs.get(name);
    // It may have come here while it was read.
    if (json === undefined || known?.isOwn === true) return;
    if (json === null) {
      this.#jobs.delete(name);
      for (const waiting of known?.ending.splice(0) ?? []) waiting.resolve(unknown(name));
      return;
    }
    const kept = JSON.parse(json) as KeptJob;
    const job: Job = known ?? { ...this.#newState(false), ...kept };
    const stateBefore = known?.state;
    Object.assign(job, kept, keptMarks(kept));
    if (progress !== null && progress !== undefined && !AT_REST.has(job.state)) {
      Object.assign(job, JSON.parse(progress) as KeptProgress);
    } else job.progress = null;
    this.#jobs.set(name, job);
    this.#tell(job.state === stateBefore ? "job_progress" : "job", job);
    // Its duty came here before it was known.
    if (known === undefined && this.#owns(name)) return await this.#gain(name);
    if (!AT_REST.has(job.state)) return;
    for (const waiting of job.ending.splice(0)) waiting.resolve(ok(job));
    if (job.isHole) this.#fill();
  }

  /** Partitions came or went, and with them jobs. */
  async dutiesChanged(): Promise<void> {
    for (const job of [...this.#jobs.values()]) {
      if (job.isOwn && !this.#owns(job.spec.name)) this.#lose(job);
    }
    for (const name of [...this.#jobs.keys()]) await this.#gain(name);
    this.#arm();
    void this.#serve();
  }

  /** Another node runs it from now on. */
  #lose(job: Job): void {
    const { name } = job.spec;
    job.runs++;
    job.run?.stop();
    job.run = null;
    job.progress = null;
    job.isOwn = false;
    job.cut.abort(new JobMoved(name));
    job.cut = new AbortController();
    this.#ctx.log("info", "a job is another node's", { job: name });
    this.#arm();
    void this.#see(name);
    // Somebody else has spoken for it, but the duty is still here, or again.
    if (this.#owns(name)) {
      this.#ctx.timer(`gain ${name}`, { delayMs: RETRY_BACKOFF.minMs }, "duties", {});
    }
  }

  /** Takes a job over as its record says, if the duty is here. */
  async #gain(name: string): Promise<void> {
    const known = this.#jobs.get(name);
    if (known === undefined || known.isOwn || !this.#owns(name)) return;
    const { store } = this.#args;
    try {
      // Read in this order, a record that is written meanwhile is noticed when the next one is.
      const said = await this.#saidOf(name, known.isHole);
      const json = await store.ask("record", { kind: KIND_JOB, key: name }, ANSWER);
      const job = this.#jobs.get(name);
      if (job === undefined || job.isOwn || !this.#owns(name) || json === null) return;
      const kept = JSON.parse(json) as KeptJob;
      Object.assign(job, kept, keptMarks(kept), {
        isOwn: true,
        said,
        progress: null,
        state: recoveredJobState(kept.state),
      });
      this.#lookAtSchedule(job, this.#clock.wallNow());
      if (job.state === "pending" && job.runId !== null) {
        this.#ctx.log("info", "a job goes on here", { job: name, before: kept.node ?? null });
        await this.#begin(job, "resume");
      } else if (job.state !== kept.state) await this.#keep(job).catch(() => {});
      if (job.state === "cancelled") this.#later(() => this.#dropRun(name));
      for (const waiting of AT_REST.has(job.state) ? job.ending.splice(0) : []) {
        waiting.resolve(ok(job));
      }
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      this.#ctx.log("warn", "a job cannot be taken over yet", { job: name, reason: textOf(error) });
      this.#ctx.timer(`gain ${name}`, { delayMs: RETRY_BACKOFF.minMs }, "duties", {});
    }
  }

  #partOf({ runs }: Job): string {
    const { shared } = this.#args;
    return shared === undefined ? `${runs}` : `${shared.node}.${runs}`;
  }

  /**
   * The job's cursor, moved so that nothing of a former owner is committed from now on.
   *
   * @throws {JobMoved} when the duty is not here, or somebody else has spoken for the job.
   */
  async #claimed(job: Job, feed: string | null): Promise<string | null> {
    if (this.#args.shared === undefined || feed === null) return await this.#cursor(feed);
    const { name } = job.spec;
    for (let claims = 0; claims < CLAIMS_MAX; claims++) {
      if (!this.#owns(name)) break;
      const after = await this.#cursor(feed);
      const [run = name] = after?.split("#") ?? [];
      const cursor = `${run}#${commitsOf(after, run) + 1}-${this.#partOf(job)}`;
      if (!await this.#moved({ feed, after, cursor, series: [] })) continue;
      if (await this.#saidOf(name, false) !== job.said) break;
      return cursor;
    }
    throw new JobMoved(name);
  }

  /** Whether a batch was committed; false when its cursor stands elsewhere. */
  async #moved(batch: CommitBatch): Promise<boolean> {
    const { store } = this.#args;
    const { feed, cursor } = batch;
    try {
      const result = await store.ask("commit", { batches: [batch] }, ANSWER);
      if (result.state === "committed") return true;
      if (result.code !== "stale") throw new Error(result.message);
    } catch (error) {
      // It may have been done, and the answer lost.
      if (feed !== null && await this.#cursor(feed) === cursor) return true;
      throw error;
    }
    return feed !== null && await this.#cursor(feed) === cursor;
  }

  /**
   * Where what is said of a job stands; null for one that a feed asked for, whose record nobody
   * guards.
   */
  async #saidOf(name: string, isHole: boolean): Promise<string | null> {
    return this.#args.shared === undefined || isHole
      ? null
      : await this.#cursor(`job_state/${name}`);
  }

  /** Writes a job's record unless another node has written it. */
  async #say(job: Job, json: string): Promise<void> {
    const { name } = job.spec;
    const records = [{ kind: KIND_JOB, key: name, json }];
    if (job.isHole) return await this.#commitRecords(records);
    const after = job.said;
    const cursor = `${Number.parseInt(after ?? "0", 10) + 1}-${this.#partOf(job)}`;
    if (await this.#moved({ feed: `job_state/${name}`, after, cursor, series: [], records })) {
      job.said = cursor;
      return;
    }
    this.#lose(job);
    throw new JobMoved(name);
  }

  async #commitRecords(records: readonly BatchRecord[]): Promise<void> {
    const batch = { feed: null, after: null, cursor: null, series: [], records };
    const result = await this.#args.store.ask("commit", { batches: [batch] }, ANSWER);
    if (result.state === "refused") throw new Error(result.message);
  }

  /** With what other nodes are to see of the run. */
  #withProgress(job: Job, commit: JobCommit): JobCommit {
    if (this.#args.shared === undefined || job.run === null) return commit;
    const { settled, failed } = job.run;
    const json = JSON.stringify({ settled, failed, progress: job.run.progress() });
    const record = { kind: KIND_PROGRESS, key: job.spec.name, json };
    return { ...commit, records: [...commit.records, record] };
  }

  // ---- schedules
  // ----------------------------------------------------------------------------------

  /** When a job is due next; what should have run while nothing did is missed. */
  #lookAtSchedule(job: Job, nowMs: number): void {
    const { schedule } = job.spec;
    if (schedule === undefined) {
      job.nextMs = null;
      return;
    }
    let looks = 0;
    while (job.nextMs !== null && job.nextMs < nowMs - MISSED_AFTER_MS) {
      this.#misses(job, "nothing ran then");
      job.nextMs = ++looks < MISSED_MAX ? nextRunMs(schedule, job.nextMs) : null;
    }
    job.nextMs ??= nextRunMs(schedule, nowMs);
  }

  #misses(job: Job, why: string): void {
    job.missed++;
    const at = job.nextMs === null ? null : new Date(job.nextMs).toISOString();
    this.#ctx.log("warn", "a scheduled run was missed", { job: job.spec.name, at, why });
  }

  #arm(): void {
    let nextMs = Infinity;
    for (const { isOwn, nextMs: atMs } of this.#jobs.values()) {
      if (isOwn) nextMs = Math.min(nextMs, atMs ?? Infinity);
    }
    if (nextMs === Infinity) return this.#ctx.cancelTimer("due");
    // The wall clock may be set; a look each hour finds that out.
    const delayMs = Math.min(CLEAN_EVERY_MS, Math.max(0, nextMs - this.#clock.wallNow()));
    this.#ctx.timer("due", { delayMs }, "due", {});
  }

  due(): void {
    const nowMs = this.#clock.wallNow();
    for (const job of this.#jobs.values()) {
      if (!job.isOwn) continue;
      const { missed } = job;
      // The process may have slept.
      this.#lookAtSchedule(job, nowMs);
      const { schedule } = job.spec;
      if (schedule !== undefined && job.nextMs !== null && job.nextMs <= nowMs) {
        this.#run(job);
        job.nextMs = nextRunMs(schedule, nowMs);
      }
      if (job.missed > missed) this.#keep(job).catch(() => {});
    }
    this.#arm();
    this.#clean().catch((error) =>
      this.#ctx.log("warn", "old checkpoints could not be cleared away", { reason: textOf(error) })
    );
  }

  /** A scheduled run: what a failed one left, or everything. */
  #run(job: Job): void {
    if (!AT_REST.has(job.state)) return this.#misses(job, "the last one still runs");
    if (job.state === "paused") return this.#misses(job, "the job is paused");
    const isLeft = job.runId !== null && job.state === "failed";
    this.#begin(job, isLeft ? "resume" : "restart");
  }

  // ---- writing
  // ------------------------------------------------------------------------------------

  #keep(job: Job): Promise<void> {
    const kept: KeptJob = {
      spec: job.spec,
      isHole: job.isHole,
      state: job.state,
      runId: job.runId,
      startedMs: job.startedMs,
      endedMs: job.endedMs,
      items: job.items,
      settled: job.settled,
      failed: job.failed,
      missed: job.missed,
      nextMs: job.nextMs,
      lastError: job.lastError,
    };
    if (this.#args.shared === undefined) {
      return this.#write(() => this.#put(KIND_JOB, job.spec.name, kept));
    }
    const { lastCall } = job;
    const json = JSON.stringify({
      ...kept,
      node: this.#args.shared.node,
      ...lastCall === null ? {} : { lastCall },
    });
    return this.#write(() => this.#say(job, json));
  }

  /** After what is being written; rejects when it cannot be. */
  #write(run: () => Promise<void>): Promise<void> {
    const written = this.#writing.then(run);
    this.#writing = written.catch((error) =>
      this.#ctx.log("warn", "a job could not be written", { reason: textOf(error) })
    );
    return written;
  }

  /** As `#write`, for whoever does not wait. */
  #later(run: () => Promise<void>): void {
    this.#write(run).catch(() => {});
  }

  async #put(kind: string, key: string, value: unknown): Promise<void> {
    const json = JSON.stringify(value);
    await recordStored(this.#args.store.ask("putRecord", { kind, key, json }, ANSWER));
  }

  #tell(type: "job" | "job_progress", job: Job): void {
    this.#args.onEvent?.(type, statusOf(job));
  }
}

const NONE: ReadonlyMap<string, SymbolFacts> = new Map();
/** The duty of clearing away what is left of jobs. */
const CLEANING = "";

/** What a record says besides the job. */
const keptMarks = ({ node, lastCall }: KeptJob) => ({
  node: node ?? null,
  lastCall: lastCall ?? null,
});

/** Another node has the job by now. */
class JobMoved extends Error {
  constructor(job: string) {
    super(`Cannot go on with job ${job}: expected the node that runs it: current value is another`);
  }
}

type JobBatch = Pick<Ingest, "feed" | "after" | "cursor" | "blocks" | "records" | "letters">;

/** Somebody else committed for the job: a former incarnation, whose last commit came late. */
class CursorMoved extends Error {
  constructor(job: string, after: string | null, stands: string | null) {
    super(
      `Cannot commit for job ${job}: expected its cursor at ${after}: current value is ${stands}`,
    );
  }
}

/**
 * Commits of a run so far, by the job's cursor: `RUN#COMMITS-PART`; 0 when that is of another run.
 */
function commitsOf(cursor: string | null, runId: string): number {
  const [run, commits] = cursor?.split("#") ?? [];
  return run === runId ? Number.parseInt(commits ?? "", 10) : 0;
}

/** The time at the end of a run's name. */
function timeIn(runId: string): string {
  return runId.slice(runId.lastIndexOf("-") + 1);
}
/** A run that is late by less is not missed but run. */
const MISSED_AFTER_MS = 60_000;
/** Missed runs that are counted one by one when a process begins: a week of every minute. */
const MISSED_MAX = 10_080;

function nextRunMs({ cron, timeZone }: NonNullable<JobSpec["schedule"]>, nowMs: number) {
  return new Cron(cron, { timezone: timeZone, paused: true }).nextRun(new Date(nowMs))
    ?.getTime() ?? null;
}

function isScheduled({ schedule }: JobSpec): boolean {
  return schedule !== undefined;
}

function scheduleProblems({ schedule }: JobSpec): string[] {
  if (schedule === undefined) return [];
  try {
    return nextRunMs(schedule, 0) === null ? ["schedule: expected a time that comes"] : [];
  } catch (error) {
    return [`schedule: expected a cron pattern and a time zone: ${textOf(error)}`];
  }
}

function ok(job: Job): JobReply {
  return { state: "ok", job: statusOf(job) };
}

function refused(reason: string): JobReply {
  return { state: "refused", reason };
}

function unknown(name: string): JobReply {
  return { state: "unknown", reason: `Cannot find job ${name}: there is none` };
}

function statusOf(job: Job): JobStatus {
  const { spec, run } = job;
  return {
    name: spec.name,
    state: job.state,
    runId: job.runId,
    symbols: spec.symbols.length,
    kinds: spec.kinds,
    provider: spec.provider,
    items: job.items,
    settled: run?.settled ?? job.settled,
    failed: run?.failed ?? job.failed,
    startedMs: job.startedMs,
    endedMs: job.endedMs,
    progress: job.isOwn ? run?.progress() ?? null : job.progress,
    nextMs: job.nextMs,
    missed: job.missed,
    lastError: job.lastError,
    ...(job.node === null ? {} : { node: job.node }),
  };
}

// ---- the provider as a source of jobs
// ---------------------------------------------------------------

const fetchedKind = (kind: DataKind) => `fetched:${kind}`;

/** When a kind of a symbol was fetched. */
interface Fetched {
  readonly atMs: number;
  /** Of dividends. */
  readonly everPaid?: boolean;
}

/** The job's rate where the provider would allow more; null where its own limits are enough. */
function ownRate(rate: LimitRate, { limits }: ProviderCapabilities): LimitRate | null {
  const perMs = rate.requests / rate.windowMs;
  return limits.some(({ max, windowMs }) => max / windowMs <= perMs) ? null : rate;
}

type EndpointOf = (kind: DataKind) => EndpointInfo;

/** Of each kind the endpoint that takes its time and the most symbols. */
function endpointsOf(
  { endpoints }: ProviderCapabilities,
  plan: JobPlan,
  granularity: JobCall["granularity"],
): EndpointOf {
  return (kind) => {
    const found = widestEndpoint(endpoints, { kind, ...plannedRange(plan, kind), granularity });
    if (typeof found === "string") throw new Error(`Cannot fetch ${kind}: ${found}`);
    return found;
  };
}

/** What a job needs to know of its provider. */
interface ProviderSourceOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly provider: ProviderRef;
  readonly user: string;
  readonly endpoint: EndpointOf;
  /** Among those who want calls, 0 to 10. */
  readonly priority: number;
  /** What is noted of a fetched symbol besides its data: when, or nothing. */
  readonly notes: "fetched" | "none";
  /** The job's own rate, where it is below the provider's limits. */
  readonly rate: LimitRate | null;
  /** Aborts when nobody waits for calls under way any more. */
  readonly over: AbortSignal;
}

class ProviderSource implements JobSource {
  readonly #options: ProviderSourceOptions;
  readonly #gate: LimiterGate | null;
  readonly #leases = new Map<number, Lease>();

  constructor(options: ProviderSourceOptions) {
    const { clock, rate } = options;
    this.#options = options;
    this.#gate = rate === null ? null : new LimiterGate(
      new Limiter({ limits: [{ name: "job", rate, begin: "free" }] }, clock.now()),
      clock,
    );
  }

  endpoint(kind: DataKind): EndpointInfo {
    return this.#options.endpoint(kind);
  }

  async permit(kind: DataKind, signal: AbortSignal): Promise<number> {
    const endpoint = this.endpoint(kind);
    const cost = Math.max(1, Math.ceil(costOf(endpoint, endpoint.symbolsMax)));
    const lease = await this.#gate?.acquire({ signal }) ?? null;
    try {
      const permit = await this.#permit(cost, signal);
      if (lease !== null) this.#leases.set(permit, lease);
      return permit;
    } catch (error) {
      lease?.unused();
      throw error;
    }
  }

  async #permit(cost: number, signal: AbortSignal): Promise<number> {
    const { clock, random } = this.#options;
    for (let failures = 0;;) {
      signal.throwIfAborted();
      const reply = await this.#asked(cost, signal);
      if (reply?.state === "granted") return reply.permit;
      // Without a reply: it is being started again.
      const pauseMs = reply === null
        ? backoffMs(failures++, RETRY_BACKOFF, random)
        : reply.retryAfterMs;
      await sleep(clock, pauseMs, signal);
    }
  }

  /** The provider's reply; null when it has none. */
  async #asked(cost: number, signal: AbortSignal): Promise<PermitReply | null> {
    const { provider, user, priority } = this.#options;
    const asked = provider.ask("permit", { user, priority, cost }, PERMIT);
    try {
      return await orAborted(asked, signal);
    } catch (error) {
      if (!signal.aborted) return null;
      // What is granted after all is not needed.
      const giveBack = (late: PermitReply) => {
        if (late.state === "granted") this.giveBack(late.permit);
      };
      asked.then(giveBack, () => {});
      throw error;
    }
  }

  giveBack(permit: number): void {
    this.#leases.get(permit)?.unused();
    this.#leases.delete(permit);
    this.#options.provider.tell("giveBack", { permit });
  }

  async call(permit: number, call: JobCall): Promise<JobAnswer> {
    const { provider, clock, over, notes } = this.#options;
    const lease = this.#leases.get(permit);
    this.#leases.delete(permit);
    const answer = await orAborted(provider.ask("call", { permit, request: call }, CALL), over)
      .finally(() => lease?.release());
    if (answer.state === "failed") {
      const { failure, isDown } = answer;
      return { state: "failed", failure, isDown, isUnsent: failure.code === "open" };
    }
    const atMs = clock.wallNow();
    return {
      state: "answered",
      results: answer.results.map((result, i) => {
        const value = valueOf(call, call.symbols[i] as string, result, atMs);
        return notes === "none" && "candles" in value ? { ...value, records: [] } : value;
      }),
    };
  }
}

/** What is kept of a result. */
function valueOf(
  { kind }: JobCall,
  symbol: string,
  result: SymbolResult,
  atMs: number,
): JobValue | JobFailure {
  if (result.state === "error") return result.failure;
  const fetched = (more: object = {}): JobRecord => ({
    kind: fetchedKind(kind),
    key: symbol,
    json: JSON.stringify({ atMs, ...more }),
  });
  if (result.state === "missing") {
    return { candles: null, records: [fetched({ isMissing: true })] };
  }
  const { value } = result;
  if ("candles" in value) {
    const { candles } = value;
    return { candles: candles.length === 0 ? null : candles, records: [fetched()] };
  }
  const data = { kind: `data:${kind}`, key: symbol, json: JSON.stringify({ atMs, value }) };
  const paid = kind === "dividends" && Array.isArray(value) ? { everPaid: value.length > 0 } : {};
  return { candles: null, records: [data, fetched(paid)] };
}
