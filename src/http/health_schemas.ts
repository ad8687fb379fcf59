/**
 * Shapes of the health score: for `/api/health`, the monitor's messages, and whoever reads them.
 *
 * @module
 */

import { z } from "zod";
import type { ComponentHealth } from "../monitor/health_components.ts";
import type { HealthPart, HealthScore, MeasureHealth } from "../monitor/health_score.ts";
import type { LimitingFactor } from "../monitor/limiting.ts";
import type { Target } from "../monitor/targets.ts";

const state = z.enum(["known", "idle", "unknown"]);
const level = z.enum(["good", "fair", "warning", "critical"]).nullable();
const points = z.number().min(0).max(100).nullable();

const target: z.ZodType<Target> = z.strictObject({
  better: z.enum(["lower", "higher"]),
  unit: z.enum(["seconds", "bytes", "ratio", "per_second", "count"]),
  good: z.number(),
  warning: z.number(),
  critical: z.number(),
});

const measure: z.ZodType<MeasureHealth> = z.strictObject({
  measure: z.string(),
  state,
  value: z.number().nullable().meta({ description: "In the unit of the target" }),
  points,
  level,
  target,
  of: z.string().nullable().meta({ description: "Which one, where there are several" }),
});

const part: z.ZodType<HealthPart> = z.strictObject({
  name: z.enum(["latency", "success", "cache", "throughput"]),
  state,
  points,
  level,
  weight: z.number().min(0).max(1).meta({ description: "Its share of the score now" }),
  measures: z.array(measure),
});

const component: z.ZodType<ComponentHealth> = z.strictObject({
  name: z.enum(["store", "feeds", "pool", "cache", "redis", "providers", "disk"]),
  state: z.enum(["ok", "degraded", "down", "absent", "unknown"]),
  parts: z.array(z.string()),
  reason: z.string(),
});

const limiting: z.ZodType<LimitingFactor> = z.strictObject({
  kind: z.enum(["component", "part", "measure"]),
  name: z.string(),
  lostPoints: z.number(),
  reason: z.string(),
});

/** How well the service does, 0 to 100, and what keeps it from more. */
export const healthScore: z.ZodType<HealthScore> = z.strictObject({
  at: z.number(),
  score: points,
  state: z.enum(["good", "fair", "warning", "critical", "unknown"]),
  uncapped: z.number().nullable()
    .meta({ description: "Before the cap that holds while anything is critical" }),
  critical: z.array(z.string()),
  parts: z.array(part),
  measures: z.array(measure),
  components: z.array(component),
  limiting: limiting.nullable(),
  unknown: z.array(z.string()),
  knownWeight: z.number().meta({ description: "Share of the weights that is known" }),
}).meta({ id: "HealthScore" });
