/**
 * Values from JSON Schemas: every one is valid by construction. It knows the part of JSON Schema that
 * our own schemas use, and refuses what it does not know.
 *
 * @module
 */

import type { Random } from "../../src/actor/mod.ts";

/** A JSON Schema or a part of one. */
export interface Schema {
  readonly [name: string]: unknown;
}

/** Longest list or map that is made. */
const ITEMS_MAX = 5;
/** Deeper values are as small as their schema lets them be. */
const DEPTH_SMALL = 6;
const LETTERS = 'abcXYZ019 _-.é€😀"\\/\u0000\n';

/** Makes values of schemas. */
export class Grammar {
  readonly #random: Random;
  readonly #schemas: Readonly<Record<string, Schema>>;

  /** `schemas` are the components that references lead to. */
  constructor(random: Random, schemas: Readonly<Record<string, Schema>>) {
    this.#random = random;
    this.#schemas = schemas;
  }

  /** A whole number below `count`. */
  below(count: number): number {
    return Math.floor(this.#random.next() * count);
  }

  /** Whether something of that chance happens. */
  chance(share: number): boolean {
    return this.#random.next() < share;
  }

  /** One of a list. */
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  /** A value of a schema. @throws {Error} for a schema that it does not know. */
  of(schema: Schema, depth = 0): unknown {
    if (typeof schema.$ref === "string") return this.of(this.#resolve(schema.$ref), depth);
    if ("const" in schema) return schema.const;
    if (Array.isArray(schema.enum)) return this.pick(schema.enum);
    const choices = schema.oneOf ?? schema.anyOf;
    if (Array.isArray(choices)) return this.of(this.pick(choices as Schema[]), depth);
    switch (schema.type) {
      case "object":
        return this.#object(schema, depth);
      case "array":
        return this.#array(schema, depth);
      case "string":
        return this.#text(schema);
      case "integer":
        return this.#integer(schema);
      case "number":
        return this.#number(schema);
      case "boolean":
        return this.chance(0.5);
      case "null":
        return null;
      case undefined:
        return this.#anything(depth);
      default:
        throw new Error(`Cannot make a value: unknown schema ${JSON.stringify(schema)}`);
    }
  }

  #resolve(ref: string): Schema {
    const found = this.#schemas[ref.replace("#/components/schemas/", "")];
    if (found === undefined) throw new Error(`Cannot make a value: ${ref} leads nowhere`);
    return found;
  }

  #object(schema: Schema, depth: number): Record<string, unknown> {
    const required = (schema.required ?? []) as readonly string[];
    const made: Record<string, unknown> = {};
    for (
      const [name, part] of Object.entries((schema.properties ?? {}) as Record<string, Schema>)
    ) {
      const wanted = depth < DEPTH_SMALL ? 0.6 : 0;
      if (required.includes(name) || this.chance(wanted)) made[name] = this.of(part, depth + 1);
    }
    const rest = schema.additionalProperties;
    if (typeof rest === "object" && rest !== null && depth < DEPTH_SMALL) {
      for (let i = this.below(ITEMS_MAX); i > 0; i--) {
        made[`k${this.below(99)}`] = this.of(rest as Schema, depth + 1);
      }
    }
    return made;
  }

  #array({ items, minItems = 0, maxItems = ITEMS_MAX }: Schema, depth: number): unknown[] {
    const least = minItems as number;
    const most = depth < DEPTH_SMALL ? Math.min(maxItems as number, least + ITEMS_MAX) : least;
    const length = least + this.below(most - least + 1);
    return Array.from({ length }, () => this.of((items ?? {}) as Schema, depth + 1));
  }

  #text({ examples, pattern, format, minLength = 0, maxLength = 40 }: Schema): string {
    if (Array.isArray(examples)) return this.pick(examples as string[]);
    if (format === "date-time" || format === "date") {
      const time = new Date(this.below(4e9) * 1_000).toISOString();
      return format === "date" ? time.slice(0, 10) : time;
    }
    if (pattern !== undefined || format !== undefined) {
      throw new Error(`Cannot make a text of ${pattern ?? format}: expected examples`);
    }
    const most = Math.min(maxLength as number, (minLength as number) + 12);
    const length = (minLength as number) + this.below(most - (minLength as number) + 1);
    // Units, not characters: the bound of a schema counts those, and halves of a pair are fair.
    return Array.from({ length }, () => this.pick([...LETTERS].filter((c) => c.length === 1))).join(
      "",
    );
  }

  #integer({ minimum, maximum, exclusiveMinimum }: Schema): number {
    const least = Math.max(minimum as number ?? -1e6, (exclusiveMinimum as number ?? -1e6 - 1) + 1);
    const most = Math.min(maximum as number ?? 1e6, Number.MAX_SAFE_INTEGER);
    if (this.chance(0.2)) return this.pick([least, most]);
    const near = Math.min(most, Math.max(least, -1_000) + 2_000);
    return Math.max(least, near - this.below(Math.min(4_000, near - Math.max(least, -1e15) + 1)));
  }

  #number({ minimum, maximum, exclusiveMinimum }: Schema): number {
    const least = Math.max(minimum as number ?? -1e9, exclusiveMinimum as number ?? -1e9);
    const most = maximum as number ?? 1e9;
    const value = least + this.#random.next() * (most - least);
    return value > least ? value : least + (most - least) / 2;
  }

  #anything(depth: number): unknown {
    const kinds = depth < DEPTH_SMALL ? 7 : 5;
    switch (this.below(kinds)) {
      case 0:
        return null;
      case 1:
        return this.chance(0.5);
      case 2:
        return this.below(1e6) - 5e5;
      case 3:
        return this.#random.next();
      case 4:
        return this.#text({});
      case 5:
        return this.#array({}, depth);
      default:
        return this.#object({ additionalProperties: {} }, depth);
    }
  }
}
