/**
 * Any value as one that JSON can hold, cut where it is long: payloads of dead letters may be columns
 * of numbers, hold themselves, or be megabytes long.
 *
 * @module
 */

const DEPTH_MAX = 12;
/** Values of a column that are shown. */
const COLUMN_HEAD = 8;
/** What a key, a comma and two brackets take on average. */
const FRAME_CHARS = 8;

/** The value as plain data of about `charsMax` characters of JSON at most; `…` stands for the rest. */
export function plainOf(value: unknown, charsMax: number): unknown {
  return new Plain(charsMax).of(value, 0);
}

class Plain {
  #left: number;
  readonly #above = new Set<object>();

  constructor(charsMax: number) {
    this.#left = charsMax;
  }

  of(value: unknown, depth: number): unknown {
    if (this.#left <= 0) return "…";
    switch (typeof value) {
      case "string":
        return this.#text(value);
      case "number":
        this.#left -= FRAME_CHARS;
        return Number.isFinite(value) ? value : String(value);
      case "boolean":
        this.#left -= FRAME_CHARS;
        return value;
      case "object":
        return value === null ? null : this.#object(value, depth);
      case "undefined":
        return null;
      default:
        return this.#text(String(value));
    }
  }

  #text(text: string): string {
    const kept = text.slice(0, this.#left);
    this.#left -= kept.length + FRAME_CHARS;
    return kept.length < text.length ? `${kept}…` : kept;
  }

  #object(value: object, depth: number): unknown {
    if (depth >= DEPTH_MAX || this.#above.has(value)) return "…";
    this.#left -= FRAME_CHARS;
    if (ArrayBuffer.isView(value)) return this.#column(value);
    if (value instanceof Error) return this.#text(`${value.name}: ${value.message}`);
    this.#above.add(value);
    const made = Array.isArray(value)
      ? this.#list(value, depth)
      : value instanceof Map || value instanceof Set
      ? this.#list([...value], depth)
      : this.#fields(value, depth);
    this.#above.delete(value);
    return made;
  }

  #column(view: ArrayBufferView): unknown {
    const name = view.constructor.name;
    if (!("length" in view) || typeof view.length !== "number") {
      return { column: name, bytes: view.byteLength };
    }
    const numbers = view as unknown as ArrayLike<unknown>;
    const head = Array.from({ length: Math.min(COLUMN_HEAD, view.length) }, (_, i) => numbers[i]);
    this.#left -= head.length * FRAME_CHARS * 2;
    return { column: name, length: view.length, head: head.map((one) => this.of(one, DEPTH_MAX)) };
  }

  #list(values: readonly unknown[], depth: number): unknown[] {
    const made: unknown[] = [];
    for (const one of values) {
      if (this.#left <= 0) {
        made.push("…");
        break;
      }
      made.push(this.of(one, depth + 1));
    }
    return made;
  }

  #fields(value: object, depth: number): Record<string, unknown> {
    const made: Record<string, unknown> = Object.create(null);
    for (const [name, one] of Object.entries(value)) {
      if (this.#left <= 0) {
        made["…"] = "…";
        break;
      }
      this.#left -= name.length;
      made[name] = this.of(one, depth + 1);
    }
    return made;
  }
}
