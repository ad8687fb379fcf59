/**
 * The part of the tree that tells receivers of alerts: beside the core, so that they hear of one
 * that is down.
 *
 * @module
 */

import { child, type ChildSpec, type System } from "../src/actor/mod.ts";
import { type AlertSinkSpec, assertAlertSinks } from "../src/http/webhook/alert_sink.ts";
import { alertSinkFinding } from "../src/monitor/collect_alert_sink.ts";
import type { Duties } from "../src/store/nodes/duties.ts";
import { alertSink } from "./alert_sink.ts";
import type { MonitorCollector } from "./monitor.ts";
import { AlertSink, Monitor, Store } from "./protocols.ts";

/** Where the sinks lie, below the root. */
export const ALERT_SINKS_PATH = "alerts";

/**
 * How those are restarted that talk to somebody outside, feeds, webhooks, sinks: what one of them
 * does concerns no other part. The pause grows with the restarts within the period: 60 s are
 * reached in one of 5 min, and a source that cannot be opened stays below this intensity for ever.
 */
export const OUTSIDE_RESTARTS = {
  intensity: 20,
  periodMs: 300_000,
  backoff: { minMs: 1_000, maxMs: 60_000 },
} as const;

/** How several nodes tell the same receivers. */
export interface SharedSinks {
  /** Name of this node. */
  readonly node: string;
  readonly duties: Duties;
  /** Where the store is, below the root: sinks start before it. */
  readonly storePath: string;
}

/** The path of a sink below the root. */
export const alertSinkPath = ({ name }: Pick<AlertSinkSpec, "name">): string =>
  `${ALERT_SINKS_PATH}/${name}`;

/**
 * Their supervisor; none without sinks. Started after the monitor, which they ask.
 *
 * @throws {RangeError} as {@linkcode assertAlertSinks}.
 */
export function alertSinksOf(
  specs: readonly AlertSinkSpec[],
  baseUrl: string,
  shared?: SharedSinks,
): ChildSpec[] {
  if (specs.length === 0) return [];
  assertAlertSinks(specs);
  return [{
    name: ALERT_SINKS_PATH,
    ...OUTSIDE_RESTARTS,
    children: specs.map((spec) =>
      child(alertSink, {
        name: spec.name,
        args: (refs) => ({
          spec,
          monitor: refs.ask(Monitor, "monitor"),
          baseUrl,
          ...(shared === undefined ? {} : {
            shared: {
              node: shared.node,
              duties: shared.duties,
              store: refs.system.ref(Store, shared.storePath),
            },
          }),
        }),
      })
    ),
  }];
}

/** Tells all sinks that there is something new. */
export function tellSinks(system: System, specs: readonly AlertSinkSpec[]): void {
  for (const spec of specs) system.ref(AlertSink, alertSinkPath(spec)).tell("news", {});
}

/** Looks at all sinks. */
export function alertSinkCollectors(
  system: System,
  specs: readonly AlertSinkSpec[],
): MonitorCollector[] {
  return specs.map((spec) => {
    const path = alertSinkPath(spec);
    const ref = system.ref(AlertSink, path);
    return { name: path, collect: async () => alertSinkFinding(path, await ref.ask("status", {})) };
  });
}
