/**
 * What was saved, so counted that no call is saved twice.
 *
 * A plan of filters divides the calls of a plain run: each is either still planned or saved by
 * exactly one filter, so `plain = planned + saved` holds, and a plan for which it does not is
 * refused. A plan says a fact once: given again (by a job that resumes) it replaces itself. What
 * the run saves beyond its plan comes out of the planned calls, and can never be more than these.
 *
 * @module
 */

import type { OptimizationReport, OptimizationsReport } from "./report_schema.ts";

/** Optimizations told apart in a run. */
export const OPTIMIZATIONS_MAX = 64;

/** What one optimization saved. */
export interface Saving {
  /** Its name. */
  readonly name: string;
  /** Items that were left out. */
  readonly itemsSkipped: number;
  /** Calls that were not made. */
  readonly callsSaved: number;
  /** Estimate of the time this saved, ms. */
  readonly msSaved: number;
  /** How the figures were come by, for people. */
  readonly evidence: string;
}

/** What a plan saved: a partition of the plain calls. */
export interface PlanSavings {
  /** Calls that the same work takes without filters. */
  readonly plainCalls: number;
  /** Calls that are left. */
  readonly plannedCalls: number;
  /** By filter; their calls and `plannedCalls` add up to `plainCalls`. */
  readonly saved: readonly Saving[];
  /** What a plain run would not do either; in no total. */
  readonly apart: readonly Saving[];
}

/** What was saved, as it is kept between two parts of a run. */
export interface SavingsSnapshot {
  /** The plan's part; null without a plan. */
  readonly plan: PlanSavings | null;
  /** What the run itself saved. */
  readonly run: readonly Saving[];
}

/** Adds up what was saved. */
export class Savings {
  #plan: PlanSavings | null = null;
  readonly #run = new Map<string, Saving>();

  /**
   * Empty, or as a snapshot says.
   *
   * @throws {RangeError} when it does not add up.
   */
  constructor(snapshot: SavingsSnapshot = { plan: null, run: [] }) {
    if (snapshot.plan !== null) this.plan(snapshot.plan);
    for (const saving of snapshot.run) this.add(saving);
  }

  /**
   * Takes what a plan saved, in place of what it took before.
   *
   * @throws {RangeError} when planned and saved calls are not the plain ones, or a name repeats.
   */
  plan(plan: PlanSavings): void {
    const names = [...plan.saved, ...plan.apart].map(({ name }) => name);
    [...plan.saved, ...plan.apart].forEach(assertCounts);
    const sum = plan.plannedCalls + callsOf(plan.saved);
    if (sum !== plan.plainCalls) {
      throw new RangeError(
        `Cannot record a plan: expected planned and saved calls that add up to ` +
          `${plan.plainCalls}: current value is ${sum}`,
      );
    }
    if (new Set(names).size !== names.length) {
      throw new RangeError(
        `Cannot record a plan: expected names that differ: current value is ${names.join(", ")}`,
      );
    }
    this.#plan = plan;
  }

  /**
   * Adds what the run itself saved. The same name adds up; its latest evidence counts.
   *
   * @throws {RangeError} for counts that are none, a name of the plan, more calls than the plan
   * left, or more than {@linkcode OPTIMIZATIONS_MAX} names.
   */
  add(saving: Saving): void {
    assertCounts(saving);
    const before = this.#run.get(saving.name);
    if (before === undefined && this.#run.size >= OPTIMIZATIONS_MAX) {
      throw refusal(saving, `at most ${OPTIMIZATIONS_MAX} names`, this.#run.size);
    }
    if (this.#plan?.saved.some(({ name }) => name === saving.name)) {
      throw refusal(saving, "a name that the plan does not use", saving.name);
    }
    const left = this.#plan === null
      ? Infinity
      : this.#plan.plannedCalls - callsOf(this.#run.values());
    if (saving.callsSaved > left) {
      throw refusal(saving, `at most the ${left} calls that are left`, saving.callsSaved);
    }
    this.#run.set(saving.name, before === undefined ? saving : sumOf(before, saving));
  }

  /** Items left out, those apart included. */
  get itemsSkipped(): number {
    const all = [...this.#plan?.saved ?? [], ...this.#plan?.apart ?? [], ...this.#run.values()];
    return all.reduce((sum, { itemsSkipped }) => sum + itemsSkipped, 0);
  }

  /** As the report says it. */
  report(): OptimizationsReport {
    const saved = [...this.#plan?.saved ?? [], ...this.#run.values()];
    return {
      total_api_calls_saved: callsOf(saved),
      total_ms_saved: saved.reduce((sum, { msSaved }) => sum + msSaved, 0),
      plain_calls: this.#plan?.plainCalls ?? null,
      planned_calls: this.#plan === null
        ? null
        : this.#plan.plannedCalls - callsOf(this.#run.values()),
      by_optimization: byName(saved),
      apart: byName(this.#plan?.apart ?? []),
    };
  }

  /** What the constructor takes, as plain data. */
  snapshot(): SavingsSnapshot {
    return { plan: this.#plan, run: [...this.#run.values()] };
  }
}

function callsOf(savings: Iterable<Saving>): number {
  let calls = 0;
  for (const { callsSaved } of savings) calls += callsSaved;
  return calls;
}

function sumOf(before: Saving, added: Saving): Saving {
  return {
    name: added.name,
    itemsSkipped: before.itemsSkipped + added.itemsSkipped,
    callsSaved: before.callsSaved + added.callsSaved,
    msSaved: before.msSaved + added.msSaved,
    evidence: added.evidence,
  };
}

function byName(savings: readonly Saving[]): Record<string, OptimizationReport> {
  return Object.fromEntries(
    savings.map(({ name, itemsSkipped, callsSaved, msSaved, evidence }) => [name, {
      items_skipped: itemsSkipped,
      calls_saved: callsSaved,
      ms_saved: msSaved,
      evidence,
    }]),
  );
}

function assertCounts(saving: Saving): void {
  const { itemsSkipped, callsSaved, msSaved } = saving;
  const isCount = (value: number) => Number.isSafeInteger(value) && value >= 0;
  if (isCount(itemsSkipped) && isCount(callsSaved) && msSaved >= 0 && msSaved < Infinity) return;
  throw refusal(
    saving,
    "whole numbers of items and calls and a time, all ≥ 0",
    `${itemsSkipped}, ${callsSaved}, ${msSaved}`,
  );
}

function refusal(saving: Saving, expected: string, found: unknown): RangeError {
  return new RangeError(
    `Cannot record optimization ${saving.name}: expected ${expected}: current value is ${found}`,
  );
}
