/**
 * Simulated days through the built-in rules and the book of alerts, and through the older
 * thresholds: what a day is made of stands in `tests/monitor/alert_day.ts`.
 *
 * @module
 */

import { BadCountCusum } from "../../src/monitor/cusum.ts";
import { BAD_BUDGETS, WELL_BUDGETS } from "../../src/monitor/rules_slo.ts";
import {
  DAY_LOOKS,
  dayOf,
  firedOf,
  olderAlerts,
  type ToldEvent,
} from "../../tests/monitor/alert_day.ts";
import { type Figures, percentileOf, spreadOf } from "../support/figures.ts";
import { verify } from "../support/workload.ts";

/** Days that are looked at for any false page, by seeds that nothing was chosen by. */
const SCREENED = 300;
const QUICK_SCREENED = 3;
const SCREEN_SEED = 20_001;
/** Of the rules `ingest_success` and `ingest_latency`. */
const OBJECTIVES = [0.999, 0.99] as const;

/** Incidents of a share, spread over the day. */
const INCIDENTS = 200;
const QUICK_INCIDENTS = 10;
const INCIDENT_SECONDS = 600;
/** Before it the rules see half an hour of an ordinary day, from its second hour on. */
const BEFORE_SECONDS = 1_800;
const FIRST_SECOND = 3_600;
/** Between two incidents: not a whole number of looks, so that all parts of a look are hit. */
const STEP_SECONDS = 401.37;

const isPage = ({ event }: ToldEvent) => event.type === "fired" && event.severity === "page";

/** Adds false pages of days with 40 harmless spikes; the older thresholds get the same days. */
export function dayFigures(figures: Figures, { days }: { readonly days: number }): void {
  const pages: number[] = [], older: number[] = [], tickets: number[] = [], seconds: number[] = [];
  for (let seed = 1; seed <= days; seed++) {
    const looks = [...dayOf({ seed })];
    verify("looks of a day", looks.length, DAY_LOOKS);
    const startMs = performance.now();
    const told = firedOf(looks);
    seconds.push((performance.now() - startMs) / 1_000);
    const found = told.filter(isPage);
    for (const { second } of found) figures.note(`seed ${seed}: a false page at second ${second}`);
    pages.push(found.length);
    tickets.push(
      told.filter(({ event }) => event.type === "fired" && event.severity === "ticket").length,
    );
    older.push(olderAlerts(looks));
  }
  const sum = (values: readonly number[]) => values.reduce((total, each) => total + each, 0);
  figures.add(`false pages of a day with 40 spikes, of ${days} days`, spreadOf(pages), {
    better: "lower",
    unit: "",
    must: 0,
  });
  figures.note(
    `seeds 1 to ${days}: ${sum(pages)} pages and ${
      sum(tickets)
    } tickets in all; older thresholds: ` +
      `${spreadOf(older).median} alerts a day; a day takes ${
        spreadOf(seconds).median.toFixed(2)
      } s`,
  );
}

/**
 * Notes how many of many days have a false page at all, of the CUSUMs of both objectives alone, which
 * is what pages: two or three spikes within half a minute may look like an incident.
 */
export function screenNote(figures: Figures, { quick }: { readonly quick: boolean }): void {
  const days = quick ? QUICK_SCREENED : SCREENED;
  let found = 0;
  for (let i = 0; i < days; i++) {
    const cusums = OBJECTIVES.map((objective) => {
      const budget = 1 - objective;
      return new BadCountCusum({
        wellRatio: WELL_BUDGETS * budget,
        badRatio: BAD_BUDGETS * budget,
      });
    });
    const [ofBad, ofSlow] = cusums;
    let alarms = 0;
    for (const { events, bad, slow } of dayOf({ seed: SCREEN_SEED + i })) {
      if (ofBad?.step({ events, bad }).alarm === true) alarms++;
      if (ofSlow?.step({ events, bad: slow }).alarm === true) alarms++;
    }
    if (alarms > 0) found++;
  }
  figures.note(`seeds from ${SCREEN_SEED}: ${found} of ${days} days have a false page`);
}

/** Adds how soon incidents are found, all hours of a day. */
export function incidentFigures(figures: Figures, { quick }: { readonly quick: boolean }): void {
  const incidents = quick ? QUICK_INCIDENTS : INCIDENTS;
  for (
    const [ratio, text, must] of [[0.14, "14", 30], [0.02, "2", 30], [0.004, "0.4", 60]] as const
  ) {
    const delays = Array.from({ length: incidents }, (_, i) => delayOf(ratio, i));
    const { min, max, median } = spreadOf(delays);
    const p99 = percentileOf(delays, 0.99);
    figures.add(
      `${text} % bad: paged after, p99 of ${incidents} incidents`,
      { median: p99, min, max },
      { better: "lower", unit: " s", must },
    );
    figures.note(`median ${median.toFixed(1)} s`);
  }
}

/** Seconds from the beginning of an incident to the first page. */
function delayOf(ratio: number, i: number): number {
  const span = 86_400 - FIRST_SECOND - INCIDENT_SECONDS;
  const start = FIRST_SECOND + (i * STEP_SECONDS) % span;
  const told = firedOf(dayOf({
    seed: 10_000 + i,
    spikes: 0,
    incident: { start, seconds: INCIDENT_SECONDS, ratio },
    from: 5 * Math.floor((start - BEFORE_SECONDS) / 5),
    to: start + INCIDENT_SECONDS,
  }));
  const page = told.filter(isPage).find(({ second }) => second > start);
  return page === undefined ? Infinity : page.second - start;
}
