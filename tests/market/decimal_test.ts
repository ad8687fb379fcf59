import { assertStrictEquals } from "@std/assert";
import { parseDecimal, parseInteger, scanDecimal, scanInteger } from "../../src/market/decimal.ts";
import { RejectReason } from "../../src/market/reject.ts";
import { bytesOf, seededRandom } from "./support.ts";

const row = new Float64Array(1);

/** Reads a text both ways; the scan may pass, but never differ. Returns the reason or the value. */
function read(text: string): { reason: number } | { value: number; isScanned: boolean } {
  const line = bytesOf(`${text},\n`);
  row[0] = NaN;
  const stop = scanDecimal(line, 0, row, 0);
  const isScanned = stop === line.length - 2;
  const scanned = row[0];
  const reason = parseDecimal(line, 0, line.length - 2, row, 0);
  if (reason !== 0) {
    assertStrictEquals(isScanned, false, `scanned ${text}`);
    return { reason };
  }
  if (isScanned) assertStrictEquals(scanned, row[0], `scanned ${text}`);
  return { value: row[0], isScanned };
}

function assertReads(text: string): boolean {
  const found = read(text);
  assertStrictEquals(
    "value" in found ? found.value : `refused: ${found.reason}`,
    Number(text),
    text,
  );
  return "value" in found && found.isScanned;
}

Deno.test("decimals of every shape read bit-identical to Number(text)", () => {
  const random = seededRandom("decimal");
  const digits = (max: number) => {
    const length = Math.floor(random() * (max + 1));
    return Array.from({ length }, () => Math.floor(random() * 10)).join("");
  };
  let scanned = 0;
  for (let i = 0; i < 60_000; i++) {
    const whole = digits(random() < 0.1 ? 24 : 9);
    const decimals = digits(random() < 0.3 ? 26 : 6);
    if (whole + decimals === "") continue;
    const sign = ["", "", "", "", "-", "+"][Math.floor(random() * 6)];
    const point = decimals !== "" || random() < 0.1 ? "." : "";
    const exponent = random() < 0.2 ? `${random() < 0.5 ? "e" : "E-"}${digits(3) || 0}` : "";
    if (assertReads(`${sign}${whole}${point}${decimals}${exponent}`)) scanned++;
  }
  assertStrictEquals(scanned > 10_000, true, `only ${scanned} went the fast way`);
});

Deno.test("shortest texts of random doubles read back to the same double", () => {
  const random = seededRandom("doubles");
  const bits = new Uint32Array(2);
  const value = new Float64Array(bits.buffer);
  for (let i = 0; i < 40_000; i++) {
    bits[0] = random() * 2 ** 32;
    // Half of them in the range of prices, 2^-20 to 2^30.
    bits[1] = i % 2 ? random() * 2 ** 32 : ((1003 + random() * 50) << 20) | (random() * 2 ** 20);
    const double = value[0] as number;
    if (!Number.isFinite(double)) continue;
    assertReads(String(double));
    assertReads(double.toExponential(17));
    if (Math.abs(double) < 1e20) assertReads(double.toFixed(15));
  }
});

Deno.test("decimals around 2^53 and around halves are rounded correctly", () => {
  for (let i = -40n; i <= 40n; i++) {
    const mantissa = String(2n ** 53n + i);
    for (let at = 0; at <= mantissa.length; at++) {
      assertReads(`${mantissa.slice(0, at)}.${mantissa.slice(at)}`);
    }
    assertReads(`${mantissa}0`);
    assertReads(`0.${"0".repeat(10)}${mantissa}`);
  }
  for (const text of ["9007199254740993", "1e23", "8.5e22", "5e-324", "2.4703282292062327e-324"]) {
    assertReads(text);
  }
  // Exactly between two doubles, and one digit beyond.
  for (
    const text of ["4503599627370496.5", "4503599627370497.5", "1.00000000000000011102230246251"]
  ) {
    assertReads(text);
    assertReads(`${text}1`);
  }
});

for (
  const text of ["0", "-0", "00012.500", ".5", "5.", "+1.5", "1e5", "1E+05", "1e999", "-1e999"]
) {
  Deno.test(`parseDecimal() reads ${text} as Number does`, () => {
    assertReads(text);
  });
}

Deno.test("parseDecimal() ignores blanks and tabs around a number", () => {
  const line = bytesOf(" \t1.5 ");
  assertStrictEquals(parseDecimal(line, 0, line.length, row, 0), 0);
  assertStrictEquals(row[0], 1.5);
});

for (const text of ["", " ", "\t"]) {
  Deno.test(`parseDecimal() says cellEmpty for ${JSON.stringify(text)}`, () => {
    const bytes = bytesOf(text);
    assertStrictEquals(parseDecimal(bytes, 0, bytes.length, row, 0), RejectReason.cellEmpty);
  });
}

const NOT_NUMBERS =
  "NaN nan Infinity -Infinity inf 0x10 0b1 0o7 1_000 1.2.3 1e 1e+ e5 . + - +- --1 1e1.5 1n " +
  "one '1' \"1\" 1- 1e5e5 ١ \u00a01 1\0 +.e1";

for (const text of [...NOT_NUMBERS.split(" "), "1 2"]) {
  Deno.test(`parseDecimal() refuses ${JSON.stringify(text)}`, () => {
    const found = read(text);
    assertStrictEquals("reason" in found && found.reason, RejectReason.notNumber);
  });
}

function readInteger(text: string): number | { reason: number } {
  const line = bytesOf(`${text},\n`);
  row[0] = NaN;
  const isScanned = scanInteger(line, 0, row, 0) === line.length - 2;
  const scanned = row[0];
  const reason = parseInteger(line, 0, line.length - 2, row, 0);
  if (isScanned) assertStrictEquals(scanned, row[0]);
  assertStrictEquals(isScanned && reason !== 0, false, text);
  return reason === 0 ? row[0] as number : { reason };
}

Deno.test("parseInteger() reads digits only", () => {
  for (const text of ["0", "7", "-7", "+7", "1388613600000", "00012", "9007199254740993"]) {
    assertStrictEquals(readInteger(text), Number(text));
  }
  assertStrictEquals(readInteger("-0"), 0);
  const random = seededRandom("integers");
  for (let i = 0; i < 2000; i++) {
    const digits = Array.from({ length: 17 + i % 20 }, () => Math.floor(random() * 10)).join("");
    assertStrictEquals(readInteger(digits), Number(digits));
  }
  for (const text of ["1.0", "1e3", "1.5", "5.", "12.000"]) {
    assertStrictEquals(
      JSON.stringify(readInteger(text)),
      `{"reason":${RejectReason.tsNotInteger}}`,
    );
  }
});
