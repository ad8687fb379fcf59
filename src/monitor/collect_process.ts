/**
 * What the process says about itself: memory, processor time, and the dead letters of its system.
 *
 * @module
 */

import type { Finding } from "./finding.ts";
import type { MetricSpec } from "./metric_spec.ts";

/** Figures of the process; sizes in bytes. */
export interface ProcessFigures {
  /** Memory held, all threads together. */
  readonly rssBytes: number;
  /** Heap of the main isolate in use. */
  readonly heapUsedBytes: number;
  /** Heap of the main isolate reserved. */
  readonly heapTotalBytes: number;
  /** Memory outside of that heap that its objects hold: columns, for example. */
  readonly externalBytes: number;
  /** Processor time in user code since the start, seconds, all threads together. */
  readonly cpuUserSeconds: number;
  /** Processor time in the kernel. */
  readonly cpuSystemSeconds: number;
}

/** Counts of the dead letters; `DeadLetters` of the runtime has them. */
export interface LetterFigures {
  /** Letters ever, by reason. */
  readonly counts: Readonly<Record<string, number>>;
  /** Letters whose body is kept. */
  readonly size: number;
  /** Accounted bytes of those. */
  readonly bytes: number;
  /** Bodies given up because of the bounds. */
  readonly evicted: number;
}

/** Metrics of the process. */
export const PROCESS_METRICS: readonly MetricSpec[] = [
  {
    name: "wick_process_memory_bytes",
    kind: "gauge",
    help: "Memory: resident of the process, the rest of the main isolate",
    labels: ["kind"],
    seriesMax: 4,
  },
  {
    name: "wick_process_cpu_seconds_total",
    kind: "counter",
    help: "Processor time of all threads",
    labels: ["mode"],
    seriesMax: 2,
  },
];

/** Metrics of the dead letters. */
export const LETTER_METRICS: readonly MetricSpec[] = [
  {
    name: "wick_dead_letters_total",
    kind: "counter",
    help: "Messages that ended without being handled",
    labels: ["reason"],
    seriesMax: 8,
  },
  { name: "wick_dead_letters_kept", kind: "gauge", help: "Dead letters whose body is kept" },
  { name: "wick_dead_letters_kept_bytes", kind: "gauge", help: "Accounted size of those" },
  {
    name: "wick_dead_letters_evicted_total",
    kind: "counter",
    help: "Bodies given up because of the bounds",
  },
];

/** Measurements of the process. */
export function processFinding(figures: ProcessFigures): Finding {
  const memory = (kind: string, value: number) => ({
    name: "wick_process_memory_bytes",
    labels: { kind },
    value,
  });
  const cpu = (mode: string, total: number) => ({
    name: "wick_process_cpu_seconds_total",
    labels: { mode },
    total,
  });
  return {
    samples: [
      memory("resident", figures.rssBytes),
      memory("heap_used", figures.heapUsedBytes),
      memory("heap_total", figures.heapTotalBytes),
      memory("external", figures.externalBytes),
      cpu("user", figures.cpuUserSeconds),
      cpu("system", figures.cpuSystemSeconds),
    ],
  };
}

/** Measurements of the dead letters. */
export function letterFinding({ counts, size, bytes, evicted }: LetterFigures): Finding {
  return {
    samples: [
      ...Object.entries(counts).map(([reason, total]) => ({
        name: "wick_dead_letters_total",
        labels: { reason },
        total,
      })),
      { name: "wick_dead_letters_kept", value: size },
      { name: "wick_dead_letters_kept_bytes", value: bytes },
      { name: "wick_dead_letters_evicted_total", total: evicted },
    ],
  };
}
