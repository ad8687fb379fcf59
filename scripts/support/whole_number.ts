/**
 * Numbers of the command line.
 *
 * @module
 */

/**
 * The value of `--name` as a whole number from `min` to `max`.
 *
 * @throws {RangeError} for anything else.
 */
export function wholeNumber(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  throw new RangeError(
    `Cannot read --${name}: expected a whole number from ${min} to ${max}: ` +
      `current value is ${text}`,
  );
}
