/**
 * Which log lines are written: a level for all, and levels for parts of the tree.
 *
 * @module
 */

import type { LogLevel } from "../actor/mod.ts";
import { LOG_LEVELS } from "./config_schema.ts";
import { UsageError } from "./exit_code.ts";
import { nearest } from "../std/suggest.ts";

/** Most levels of one list. */
const RULES_MAX = 64;

/** Paths whose level is remembered; beyond it they are looked up anew: 100 bytes each. */
const PATHS_MAX = 4_096;

interface Rule {
  readonly path: string;
  readonly level: number;
}

/** Least level by path. */
export class LogLevels {
  readonly #base: number;
  /** The longest path first. */
  readonly #rules: readonly Rule[];
  readonly #known = new Map<string, number>();

  /**
   * From text: `info,core/store=debug,core/work=warn`. A path stands for everything below it, with
   * or without the root's name; of two that fit the longer counts.
   *
   * @throws {UsageError} naming the part that cannot be read.
   */
  constructor(text: string) {
    const words = text.split(",").map((word) => word.trim()).filter((word) => word !== "");
    if (words.length === 0 || words.length > RULES_MAX) {
      throw new UsageError(
        `Cannot use logLevel: expected 1 to ${RULES_MAX} levels: current value is ${words.length}`,
      );
    }
    let base = LOG_LEVELS.indexOf("info");
    const rules: Rule[] = [];
    for (const word of words) {
      const at = word.indexOf("=");
      if (at < 0) base = levelOf(word);
      else rules.push({ path: trimmed(word.slice(0, at)), level: levelOf(word.slice(at + 1)) });
    }
    this.#base = base;
    this.#rules = rules.sort((a, b) => b.path.length - a.path.length);
  }

  /** Whether a line of this level and path is written. O(1) for a known path. */
  admits(level: LogLevel, path: string): boolean {
    let least = this.#known.get(path);
    if (least === undefined) {
      least = this.#least(path);
      if (this.#known.size >= PATHS_MAX) this.#known.clear();
      this.#known.set(path, least);
    }
    return LOG_LEVELS.indexOf(level) >= least;
  }

  #least(path: string): number {
    const full = trimmed(path);
    const below = full.slice(full.indexOf("/") + 1);
    const rule = this.#rules.find((rule) => covers(rule.path, full) || covers(rule.path, below));
    return rule?.level ?? this.#base;
  }
}

function covers(path: string, of: string): boolean {
  return of === path || of.startsWith(`${path}/`);
}

function trimmed(path: string): string {
  return path.trim().replace(/^\/+|\/+$/g, "");
}

function levelOf(word: string): number {
  const level = (LOG_LEVELS as readonly string[]).indexOf(word.trim());
  if (level >= 0) return level;
  const near = nearest(word, LOG_LEVELS);
  throw new UsageError(
    `Cannot use logLevel: expected ${LOG_LEVELS.join(", ")}: current value is ` +
      `${JSON.stringify(word.slice(0, 64))}${near === null ? "" : `; did you mean ${near}?`}`,
  );
}
