/**
 * The assertions of `@std/assert` that this project uses, under the same names and signatures.
 * `deno.json` maps `@std/assert` to this file because JSR is not reachable from every machine that
 * builds the project; where it is, mapping the name to the real package needs no other change.
 *
 * @example
 * ```ts
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * assertEquals({ open: 1 }, { open: 1 });
 * assertThrows(() => JSON.parse("{"), SyntaxError);
 * ```
 *
 * @module
 */
import { deepStrictEqual } from "node:assert/strict";
import { inspect } from "node:util";
import { equal } from "./equal.ts";

// `never[]` accepts every constructor, whatever its parameters, without saying `any`.
type Constructor<T> = abstract new (...args: never[]) => T;

/** The error that every assertion of this module throws. */
export class AssertionError extends Error {
  /**
   * Creates an assertion error.
   *
   * @param message What was expected and what was found.
   * @param options Passed to `Error`: the cause.
   */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "AssertionError";
  }
}

/**
 * Asserts that `expr` is truthy.
 *
 * @throws {AssertionError} When it is not.
 */
export function assert(expr: unknown, msg = ""): asserts expr {
  if (!expr) throw new AssertionError(msg);
}

/**
 * Throws, for a line that must not be reached.
 *
 * @throws {AssertionError} Always.
 */
export function fail(msg?: string): never {
  throw new AssertionError(`Failed assertion${suffix(msg)}`);
}

/**
 * Asserts that two values are deeply equal.
 *
 * - NaN equals NaN, and 0 equals -0.
 * - Objects of different classes differ; an object without a prototype equals a plain one.
 *
 * @throws {AssertionError} When they differ; the message holds a diff.
 */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  if (equal(actual, expected)) return;
  throw new AssertionError(`Values are not equal${suffix(msg)}\n${diff(actual, expected)}`);
}

/**
 * Asserts that two values are not deeply equal.
 *
 * @throws {AssertionError} When they are.
 */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  if (!equal(actual, expected)) return;
  throw new AssertionError(
    `Expected actual: ${show(actual)} not to be: ${show(expected)}${suffix(msg)}`,
  );
}

/**
 * Asserts that two values are the same by `Object.is`: 0 is not -0.
 *
 * @throws {AssertionError} When they are not.
 */
export function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
  msg?: string,
): asserts actual is T {
  if (Object.is(actual, expected)) return;
  if (equal(actual, expected)) {
    throw new AssertionError(
      `Values have the same structure but are not reference-equal${suffix(msg)}\n${show(actual)}`,
    );
  }
  throw new AssertionError(
    `Values are not strictly equal${suffix(msg)}\n${diff(actual, expected)}`,
  );
}

/**
 * Asserts that two numbers are at most `tolerance` apart; by default 1e-7 of the expected one.
 *
 * @throws {AssertionError} When they are further apart, or exactly one of them is NaN.
 */
export function assertAlmostEquals(
  actual: number,
  expected: number,
  tolerance?: number,
  msg?: string,
): void {
  if (Object.is(actual, expected)) return;
  const delta = Math.abs(expected - actual);
  const limit = tolerance ?? (Number.isFinite(expected) ? Math.abs(expected * 1e-7) : 1e-7);
  if (delta <= limit) return;
  throw new AssertionError(
    `Expected actual: "${actual}" to be close to "${expected}": ` +
      `delta "${delta}" is greater than "${limit}"${suffix(msg)}`,
  );
}

/**
 * Asserts that `actual` > `expected`.
 *
 * @throws {AssertionError} When it is not.
 */
export function assertGreater<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual > expected)) throw comparison(actual, ">", expected, msg);
}

/**
 * Asserts that `actual` >= `expected`.
 *
 * @throws {AssertionError} When it is not.
 */
export function assertGreaterOrEqual<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual >= expected)) throw comparison(actual, ">=", expected, msg);
}

/**
 * Asserts that `actual` < `expected`.
 *
 * @throws {AssertionError} When it is not.
 */
export function assertLess<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual < expected)) throw comparison(actual, "<", expected, msg);
}

/**
 * Asserts that `actual` <= `expected`.
 *
 * @throws {AssertionError} When it is not.
 */
export function assertLessOrEqual<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual <= expected)) throw comparison(actual, "<=", expected, msg);
}

/**
 * Asserts that a value is neither undefined nor null.
 *
 * @throws {AssertionError} When it is one of them.
 */
export function assertExists<T>(actual: T, msg?: string): asserts actual is NonNullable<T> {
  if (actual !== undefined && actual !== null) return;
  throw new AssertionError(
    `Expected actual: "${actual}" to not be null or undefined${suffix(msg)}`,
  );
}

/**
 * Asserts that a value is an instance of a class.
 *
 * @throws {AssertionError} When it is not.
 */
export function assertInstanceOf<T extends abstract new (...args: never[]) => unknown>(
  actual: unknown,
  expectedType: T,
  msg = "",
): asserts actual is T extends abstract new (...args: never[]) => infer I ? I : never {
  if (actual instanceof expectedType) return;
  const found = actual instanceof Object ? actual.constructor?.name : typeof actual;
  throw new AssertionError(
    `Expected object to be an instance of "${expectedType.name}" but was "${
      actual === null ? "null" : found
    }"${suffix(msg)}`,
  );
}

/**
 * Asserts that a text matches a regular expression.
 *
 * @throws {AssertionError} When it does not.
 */
export function assertMatch(actual: string, expected: RegExp, msg?: string): void {
  if (expected.test(actual)) return;
  throw new AssertionError(`Expected actual: "${actual}" to match: "${expected}"${suffix(msg)}`);
}

/**
 * Asserts that a text contains another.
 *
 * @throws {AssertionError} When it does not.
 */
export function assertStringIncludes(actual: string, expected: string, msg?: string): void {
  if (actual.includes(expected)) return;
  throw new AssertionError(`Expected actual: "${actual}" to contain: "${expected}"${suffix(msg)}`);
}

/**
 * Asserts that a function throws, and returns what it threw.
 *
 * @throws {AssertionError} When it returns instead.
 */
export function assertThrows(fn: () => unknown, msg?: string): unknown;
/**
 * Asserts that a function throws an error of a class, with a text in its message.
 *
 * @throws {AssertionError} When it returns, or throws something else.
 */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  ErrorClass: abstract new (...args: never[]) => E,
  msgIncludes?: string,
  msg?: string,
): E;
export function assertThrows(
  fn: () => unknown,
  errorClassOrMsg?: Constructor<Error> | string,
  msgIncludes?: string,
  msg?: string,
): unknown {
  const expected = expectedError(errorClassOrMsg, msgIncludes, msg);
  try {
    fn();
  } catch (error) {
    checkError(error, expected, "thrown");
    return error;
  }
  throw new AssertionError(`Expected function to throw${suffix(expected.msg)}`);
}

/**
 * Asserts that a function returns a promise that rejects, and resolves with what it rejected with.
 *
 * @throws {AssertionError} When it fulfils, or the function throws before it returns a promise.
 */
export function assertRejects(fn: () => PromiseLike<unknown>, msg?: string): Promise<unknown>;
/**
 * Asserts that a function returns a promise that rejects with an error of a class, with a text in
 * its message.
 *
 * @throws {AssertionError} When it fulfils, rejects with something else, or the function throws.
 */
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  ErrorClass: abstract new (...args: never[]) => E,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
export async function assertRejects(
  fn: () => PromiseLike<unknown>,
  errorClassOrMsg?: Constructor<Error> | string,
  msgIncludes?: string,
  msg?: string,
): Promise<unknown> {
  const expected = expectedError(errorClassOrMsg, msgIncludes, msg);
  let promise: PromiseLike<unknown> | undefined;
  try {
    promise = fn();
  } catch {
    // Answered below, together with a return value that is no promise.
  }
  if (typeof promise?.then !== "function") {
    throw new AssertionError(`Function throws when expected to reject${suffix(expected.msg)}`);
  }
  try {
    await promise;
  } catch (error) {
    checkError(error, expected, "rejected");
    return error;
  }
  throw new AssertionError(`Expected function to reject${suffix(expected.msg)}`);
}

interface ExpectedError {
  readonly ErrorClass: Constructor<Error> | undefined;
  readonly msgIncludes: string | undefined;
  readonly msg: string | undefined;
}

function expectedError(
  errorClassOrMsg: Constructor<Error> | string | undefined,
  msgIncludes: string | undefined,
  msg: string | undefined,
): ExpectedError {
  return typeof errorClassOrMsg === "string"
    ? { ErrorClass: undefined, msgIncludes: undefined, msg: errorClassOrMsg }
    : { ErrorClass: errorClassOrMsg, msgIncludes, msg };
}

function checkError(error: unknown, expected: ExpectedError, how: "thrown" | "rejected"): void {
  const { ErrorClass, msgIncludes, msg } = expected;
  if (ErrorClass === undefined) return;
  if (!(error instanceof Error)) {
    throw new AssertionError(`A non-Error object was ${how}${suffix(msg)}`, { cause: error });
  }
  if (!(error instanceof ErrorClass)) {
    throw new AssertionError(
      `Expected error to be instance of "${ErrorClass.name}", ` +
        `but was "${Object(error).constructor.name}"${suffix(msg)}`,
      { cause: error },
    );
  }
  if (msgIncludes !== undefined && !error.message.includes(msgIncludes)) {
    throw new AssertionError(
      `Expected error message to include ${show(msgIncludes)}, ` +
        `but got ${show(error.message)}${suffix(msg)}`,
      { cause: error },
    );
  }
}

function comparison(actual: unknown, sign: string, expected: unknown, msg?: string) {
  return new AssertionError(`Expect ${show(actual)} ${sign} ${show(expected)}${suffix(msg)}`);
}

function suffix(msg: string | undefined): string {
  return msg ? `: ${msg}` : ".";
}

function show(value: unknown): string {
  return inspect(value, { depth: 6, sorted: true });
}

function diff(actual: unknown, expected: unknown): string {
  try {
    deepStrictEqual(actual, expected);
  } catch (error) {
    if (error instanceof Error) return error.message;
  }
  return `${show(actual)}\n${show(expected)}`;
}
