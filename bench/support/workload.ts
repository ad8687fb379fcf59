/**
 * The work that every side does, so that no side does less: who asks, in which order, and how it
 * is checked that all of it was handled.
 *
 * @module
 */

/**
 * Messages of one burst of tells. As many as a Wick mailbox takes by default, so that nothing is
 * rejected and no bound has to be raised for the bench.
 */
export const BURST = 8_192;

/** Throws unless the counts or checksums agree. */
export function verify(what: string, found: number, expected: number): void {
  if (found === expected) return;
  throw new Error(`Cannot trust this round: ${what}: expected ${expected}: found ${found}`);
}

/** Counts handled messages and tells when the last expected one was. */
export class Tally {
  handled = 0;
  sum = 0;
  #left = 0;
  #done: () => void = () => {};

  /** Resolves after `count` further messages. */
  expect(count: number): Promise<void> {
    this.#left = count;
    return new Promise((resolve) => this.#done = resolve);
  }

  /** In a handler: one message with this value. */
  take(value: number): void {
    this.handled++;
    this.sum += value;
    if (--this.#left === 0) this.#done();
  }
}

/** Value of the `i`-th message of a burst. */
export const valueAt = (i: number): number => i & 7;
const BURST_SUM = BURST / 8 * (0 + 1 + 2 + 3 + 4 + 5 + 6 + 7);

/** Tells bursts until `units` messages were handled; each burst waits for the one before. */
export async function tellBursts(
  units: number,
  tally: Tally,
  tell: (by: number) => void,
): Promise<number> {
  const bursts = Math.max(1, Math.ceil(units / BURST));
  const { handled, sum } = tally;
  for (let burst = 0; burst < bursts; burst++) {
    const all = tally.expect(BURST);
    for (let i = 0; i < BURST; i++) tell(valueAt(i));
    await all;
  }
  verify("messages handled", tally.handled - handled, bursts * BURST);
  verify("sum of messages", tally.sum - sum, bursts * BURST_SUM);
  return bursts * BURST;
}

/** Serves and waits for `units` hops; hop number `left` carries `left`. */
export async function hops(
  units: number,
  tally: Tally,
  serve: (left: number) => void,
): Promise<number> {
  const { handled, sum } = tally;
  const all = tally.expect(units);
  serve(units - 1);
  await all;
  verify("hops", tally.handled - handled, units);
  verify("sum of hops", tally.sum - sum, units * (units - 1) / 2);
  return units;
}

/** Asks one after the other; the reply to `n` must be `n + 1`. */
export async function askInTurn(
  units: number,
  ask: (n: number) => Promise<number>,
): Promise<number> {
  let sum = 0;
  for (let n = 0; n < units; n++) sum += await ask(n);
  verify("sum of replies", sum, units * (units + 1) / 2);
  return units;
}

/** Keeps `inFlight` asks under way all the time; the reply to `n` must be `n + 1`. */
export async function askInFlight(
  units: number,
  inFlight: number,
  ask: (n: number) => Promise<number>,
): Promise<number> {
  const count = Math.max(units, inFlight);
  let next = 0, sum = 0;
  const asker = async () => {
    while (next < count) {
      // Read before the await: `sum += await …` would add to what the sum was before it.
      const reply = await ask(next++);
      sum += reply;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, asker));
  verify("sum of replies", sum, count * (count + 1) / 2);
  return count;
}
