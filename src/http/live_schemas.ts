/**
 * Shapes of the live stream, the figures that charts draw, the log's lines, and what a token may do.
 *
 * @module
 */

import { z } from "zod";
import { FIGURE_NAMES, FIGURES } from "../monitor/figures.ts";
import { LIVE_TOPIC_NAMES, type LiveTopic } from "./live_topics.ts";
import { LOG_LEVEL_NAMES, LOG_LINES_MAX } from "./log_ring.ts";

const isTopic = (name: string) => (LIVE_TOPIC_NAMES as readonly string[]).includes(name);

/** Topics by commas, each once. */
export const liveQuery = z.strictObject({
  topics: z.string().min(1).max(512).check((ctx) => {
    const unknown = ctx.value.split(",").filter((name) => !isTopic(name));
    if (unknown.length === 0) return;
    ctx.issues.push({
      code: "custom",
      input: ctx.value,
      message: `expected topics of ${LIVE_TOPIC_NAMES.join(", ")}`,
    });
  }).transform((text): LiveTopic[] => [...new Set(text.split(","))] as LiveTopic[])
    .meta({
      description: `By commas: ${LIVE_TOPIC_NAMES.join(", ")}`,
      examples: ["health,counts,actors"],
    }),
});

/** Points of an answer: more than are kept. */
const POINTS_MAX = 10_000;

/** Which figures. */
export const figuresQuery = z.strictObject({
  sinceMs: z.number().min(0).default(0).meta({ description: "Points after this time, epoch ms" }),
  limit: z.int().min(1).max(POINTS_MAX).default(POINTS_MAX)
    .meta({ description: "Most points, the newest ones" }),
  watch: z.boolean().default(false)
    .meta({ description: "Somebody watches: for some seconds there is a point each second" }),
});

const column = z.array(z.number().nullable());

const target = z.strictObject({
  better: z.enum(["lower", "higher"]),
  good: z.number(),
  warning: z.number(),
  critical: z.number(),
}).meta({ id: "FigureTarget", description: "In the unit of the figure" });

/** Figures as columns, one value a point; null = unknown, or nothing happened. */
export const figuresReply = z.strictObject({
  at: z.array(z.number()).meta({ description: "Epoch ms, ascending" }),
  ...Object.fromEntries(FIGURE_NAMES.map((name) => {
    const { about, unit } = FIGURES[name];
    return [name, column.meta({ description: `${about}; ${unit.replace("_", " ")}` })];
  })) as Record<keyof typeof FIGURES, typeof column>,
  targets: z.partialRecord(z.enum(FIGURE_NAMES), target).meta({
    description: "Good, warning and critical by figure, where there is such a target",
  }),
}).meta({ id: "Figures" });

const level = z.enum(LOG_LEVEL_NAMES);

/** Which lines of the log. */
export const logQuery = z.strictObject({
  afterId: z.int().min(0).optional()
    .meta({ description: "Lines after this id, oldest first; default: the newest ones" }),
  limit: z.int().min(1).max(LOG_LINES_MAX).default(200).meta({ description: "Most lines" }),
  level: level.default("debug").meta({ description: "Of this level or worse" }),
  path: z.string().max(1_024).default("")
    .meta({
      description: "Of this actor or supervisor and all below it",
      examples: ["core/store"],
    }),
  text: z.string().max(200).default("")
    .meta({ description: "With this in message or fields, whatever the case" }),
});

/** Lines of the log. */
export const logReply = z.strictObject({
  lines: z.array(z.strictObject({
    id: z.number(),
    at: z.number().meta({ description: "Epoch ms" }),
    level,
    path: z.string().meta({ description: "Absolute path of the actor" }),
    message: z.string(),
    fields: z.unknown().meta({ description: "What was logged beside it, or null" }),
  })),
  lastId: z.number().meta({ description: "Ask on with this as afterId" }),
  missed: z.number().meta({ description: "Lines after afterId that are no longer kept" }),
}).meta({ id: "LogLines" });

/** What whoever asks may do. */
export const accessReply = z.strictObject({
  read: z.boolean(),
  act: z.boolean(),
}).meta({ id: "Access" });
