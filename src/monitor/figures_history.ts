/**
 * The last hour of figures. The last minutes are kept as they came, what is older as one point per
 * slot of five seconds, so that looks may come each second or every five and the memory is the same.
 *
 * @module
 */

import { FIGURE_NAMES, type FigureName, type FigurePoint, mergedPoint } from "./figures.ts";

/** How far back it reaches, ms: what somebody who comes to look at a trouble wants to see. */
export const FIGURES_KEPT_MS = 3_600_000;
/** Age up to which points are kept as they came, ms. */
export const FIGURES_FINE_MS = 300_000;
/** Slot of what is older, ms: the monitor's own interval. */
export const FIGURES_SLOT_MS = 5_000;
/** Points kept as they came: one a second and some; 400 bytes each. */
export const FIGURES_FINE_MAX = 512;
/** Points of older slots. */
export const FIGURES_SLOTS_MAX = FIGURES_KEPT_MS / FIGURES_SLOT_MS;

/** Points as columns, which is how charts take them. */
export type FigureColumns =
  & {
    /** Epoch ms, ascending. */
    readonly at: number[];
  }
  & Readonly<Record<FigureName, (number | null)[]>>;

interface Slot {
  readonly point: FigurePoint;
  readonly looks: number;
}

/** A bounded history of points. */
export class FigureHistory {
  #fine: FigurePoint[] = [];
  #slots: Slot[] = [];

  /** Points kept. */
  get size(): number {
    return this.#slots.length + this.#fine.length;
  }

  /**
   * Takes the newest point. One from before the last one means that the clock was set back: what
   * lies after it goes. O(1) amortised.
   */
  add(point: FigurePoint): void {
    const { at } = point;
    if (at <= (this.#fine.at(-1)?.at ?? this.#slots.at(-1)?.point.at ?? -Infinity)) {
      this.#fine = this.#fine.filter((one) => one.at < at);
      this.#slots = this.#slots.filter((one) => one.point.at < at);
    }
    this.#fine.push(point);
    while (this.#fine.length > FIGURES_FINE_MAX || this.#firstAt() < at - FIGURES_FINE_MS) {
      this.#toSlot(this.#fine.shift() as FigurePoint);
    }
    const isGone = (slot: Slot | undefined) =>
      slot !== undefined &&
      (this.#slots.length > FIGURES_SLOTS_MAX || slot.point.at < at - FIGURES_KEPT_MS);
    while (isGone(this.#slots[0])) this.#slots.shift();
  }

  #firstAt(): number {
    return this.#fine[0]?.at ?? Infinity;
  }

  #toSlot(point: FigurePoint): void {
    const last = this.#slots.at(-1);
    if (last === undefined || slotOf(last.point.at) !== slotOf(point.at)) {
      this.#slots.push({ point, looks: 1 });
      return;
    }
    const { looks } = last;
    const merged = mergedPoint(last.point, point, [looks, 1]);
    this.#slots[this.#slots.length - 1] = { point: merged, looks: looks + 1 };
  }

  /** Points after epoch ms `sinceMs`, the newest `limit` of them. O(points · figures). */
  columns(sinceMs: number, limit: number): FigureColumns {
    const all = [...this.#slots.map(({ point }) => point), ...this.#fine];
    const points = all.filter(({ at }) => at > sinceMs);
    const wanted = limit >= points.length ? points : points.slice(points.length - limit);
    const columns = Object.fromEntries(
      FIGURE_NAMES.map((name) => [name, wanted.map((point) => point[name])]),
    ) as Record<FigureName, (number | null)[]>;
    return { at: wanted.map(({ at }) => at), ...columns };
  }
}

const slotOf = (at: number) => Math.floor(at / FIGURES_SLOT_MS);
