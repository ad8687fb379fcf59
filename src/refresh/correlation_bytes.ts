/**
 * Correlations as bytes: half the size of what they are as text, and a parse of megabytes of numbers
 * less.
 *
 * Layout: bytes of the head (32 bits, little endian) · head as JSON: `{ version, kind, edges, cells }`,
 * filled up with blanks to a multiple of 8 with the four bytes before it · values (64-bit floats) · of
 * pairs also their keys i · edges + j (64-bit floats).
 *
 * @module
 */

import { type CorrelationInput, pairsOf } from "./correlation.ts";
import { RefreshError, shown } from "./error.ts";

const LITTLE = true;
const FLOAT = 8;
const LENGTH = 4;

interface Head {
  readonly version: 1;
  readonly kind: "pairs" | "triangle";
  readonly edges: readonly string[];
  readonly cells: number;
}

/** Bytes of what `Correlations.toInput` gives. O(cells). */
export function correlationBytes(
  input: Exclude<CorrelationInput, { readonly kind: "matrix" }>,
): Uint8Array {
  if (input.kind === "triangle") return packed("triangle", input.edges, input.values, null);
  const handles = new Map<string, number>();
  const handle = (edge: string) => {
    const known = handles.get(edge);
    if (known !== undefined) return known;
    handles.set(edge, handles.size);
    return handles.size - 1;
  };
  const ends = input.pairs.map(({ a, b }) => [handle(a), handle(b)] as const);
  const keys = Float64Array.from(ends, ([a, b]) => a * handles.size + b);
  const values = Float64Array.from(input.pairs, ({ correlation }) => correlation ?? NaN);
  return packed("pairs", [...handles.keys()], values, keys);
}

/**
 * What {@linkcode correlationBytes} was given. O(cells).
 *
 * @throws {RefreshError} code `snapshot` for bytes that it did not make.
 */
export function readCorrelationBytes(bytes: Uint8Array): CorrelationInput {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headBytes = bytes.length < LENGTH ? 0 : view.getUint32(0, LITTLE);
  const at = LENGTH + headBytes;
  const { kind, edges, cells } = headOf(bytes.subarray(LENGTH, at));
  const columns = kind === "triangle" ? 1 : 2;
  const isRight = bytes.length === at + columns * cells * FLOAT &&
    (kind === "pairs" || cells === pairsOf(edges.length));
  if (!isRight) throw wrong(`${cells} cells of ${edges.length} edges`, bytes.length);
  const column = (from: number) =>
    Float64Array.from({ length: cells }, (_, i) => view.getFloat64(from + i * FLOAT, LITTLE));
  const values = column(at);
  if (kind === "triangle") return { kind, edges, values };
  const keys = column(at + cells * FLOAT);
  const name = (handle: number) => {
    const edge = edges[handle];
    if (edge === undefined) throw wrong(`one of ${edges.length} edges`, handle);
    return edge;
  };
  const pairs = Array.from(values, (value, i) => {
    const key = keys[i] as number;
    return {
      a: name(Math.floor(key / edges.length)),
      b: name(key % edges.length),
      correlation: Number.isNaN(value) ? null : value,
    };
  });
  return { kind, pairs };
}

function packed(
  kind: Head["kind"],
  edges: readonly string[],
  values: Float64Array,
  keys: Float64Array | null,
): Uint8Array {
  const head: Head = { version: 1, kind, edges, cells: values.length };
  const text = new TextEncoder().encode(JSON.stringify(head));
  const at = Math.ceil((LENGTH + text.length) / FLOAT) * FLOAT;
  const columns = keys === null ? [values] : [values, keys];
  const bytes = new Uint8Array(at + columns.length * values.length * FLOAT);
  bytes.fill(0x20, LENGTH, at);
  bytes.set(text, LENGTH);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, at - LENGTH, LITTLE);
  columns.forEach((column, c) =>
    column.forEach((value, i) =>
      view.setFloat64(at + (c * values.length + i) * FLOAT, value, LITTLE)
    )
  );
  return bytes;
}

function headOf(bytes: Uint8Array): Head {
  let head: Partial<Head>;
  try {
    head = JSON.parse(new TextDecoder().decode(bytes)) as Partial<Head>;
  } catch {
    throw wrong("a head", bytes.length);
  }
  const { version, kind, edges, cells } = head;
  const isRight = version === 1 && (kind === "pairs" || kind === "triangle") &&
    Array.isArray(edges) && Number.isInteger(cells) && (cells as number) >= 0;
  if (!isRight) throw wrong("version 1", version);
  return head as Head;
}

const wrong = (expected: string, value: unknown) =>
  new RefreshError(
    "snapshot",
    `Cannot read correlations: expected ${expected}: current value is ${shown(value)}`,
  );
