/**
 * The actor runtime: protocols, actors, supervisors, threads, time.
 *
 * @module
 */

export * from "./actor.ts";
export { ASK_TIMEOUT_MAX_MS } from "./ask.ts";
export * from "./clock.ts";
export {
  DEAD_REASONS,
  type DeadLetter,
  type DeadLetterFilter,
  type DeadLetterListener,
  type DeadLetterOptions,
  DeadLetters,
  type DeadReason,
} from "./dead_letters.ts";
export * from "./errors.ts";
export {
  type ConflateKey,
  type MailboxOptions,
  type Overflow as OverflowPolicy,
} from "./mailbox.ts";
export type {
  ExitReason,
  FaultHooks,
  LifecycleListener,
  LifeEvent,
  LogLevel,
  LogSink,
  NodeState,
  RestartType,
} from "./node.ts";
export {
  type Definition,
  describeProtocol,
  type EntrySpec,
  type Payload,
  type Priority,
  type Protocol,
  protocol,
  type ProtocolDescription,
  type Reply,
} from "./protocol.ts";
export {
  NotedRestart,
  RESTART_CAUSES,
  RESTART_ERROR_CHARS_MAX,
  RESTART_EVENTS,
  RESTART_OUTCOMES,
  RESTART_PATHS_MAX,
  type RestartCause,
  type RestartEvent,
  RestartHistory,
  type RestartListener,
  type RestartOutcome,
  type RestartQuery,
  type RestartRecord,
  RESTARTS_KEPT,
  RESTARTS_KEPT_PER_PATH,
} from "./restarts.ts";
export type { Runnable, Scheduler } from "./scheduler.ts";
export {
  type FaultChances,
  SeededScheduler,
  Simulator,
  type SimulatorOptions,
} from "./simulator.ts";
export type { Backoff, Strategy } from "./supervisor.ts";
export {
  type ActorSpec,
  child,
  type ChildBase,
  type ChildSpec,
  createSystem,
  type DeclaredOptions,
  type SpawnOptions,
  type SupervisorSpec,
  System,
  type SystemCounts,
  type SystemOptions,
  type TreeRefs,
} from "./system.ts";
export type { ThreadOptions } from "./thread_host.ts";
export type { SpanAttributes, SpanSpec, Tracer, TraceSpan } from "./tracer.ts";
export {
  TRACE_MS_MAX,
  TRACE_RATIO,
  TRACE_SPANS_MAX,
  type TracedRequest,
  type Tracing,
  type TracingOptions,
  type Trail,
} from "./tracing.ts";
export type { TreeNode } from "./tree.ts";
export { type AskThrough, wrappedRef } from "./wrapped_ref.ts";
