/**
 * Seeds of random tests: a new one each run, printed, so that a failure can be run again with
 * `WICK_SEED`.
 *
 * @module
 */

/** The seed for a test: `WICK_SEED` if set, else one by chance; printed either way. */
export function seedOf(test: string): number {
  const given = Deno.env.get("WICK_SEED");
  const seed = given === undefined
    ? crypto.getRandomValues(new Uint32Array(1))[0] as number
    : Number(given);
  console.log(`${test}: WICK_SEED=${seed}`);
  return seed;
}
