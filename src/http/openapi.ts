/**
 * The OpenAPI 3.1 description, made from the table of routes and from the protocols of the actors:
 * nothing in it is written twice.
 *
 * Beside the templated route for messages there is one concrete path per living actor, whose body is
 * one of exactly the messages of its protocol (OpenAPI: concrete paths count before templated ones).
 *
 * @module
 */

import { z } from "zod";
import type { ProtocolDescription } from "../actor/protocol.ts";
import type { TreeNode } from "../actor/tree.ts";
import { type Answers, ROUTES, type RouteSpec } from "./api.ts";
import { problem } from "./schemas.ts";

/** A JSON object of the document. */
export type Json = { [name: string]: unknown };

const MESSAGES_PATH = "/api/actors/{path}/messages";

/** Media types of each kind of answer. */
const MEDIA: Readonly<Record<Answers, readonly string[]>> = {
  json: ["application/json"],
  page: ["application/json", "application/x-ndjson"],
  stream: ["application/x-ndjson", "text/event-stream"],
  events: ["text/event-stream"],
  text: ["text/plain"],
  html: ["text/html"],
};

/** Builds the document; the parts that do not change are made once. */
export class OpenApi {
  readonly #about: { readonly name: string; readonly version: string };
  readonly #schemas: Json;
  readonly #paths: Json;
  readonly #protocols: ReadonlyMap<string, ProtocolDescription>;

  /** `protocols`: all there are. O(routes + messages). */
  constructor(
    about: { readonly name: string; readonly version: string },
    protocols: readonly ProtocolDescription[],
  ) {
    this.#about = about;
    this.#protocols = new Map(protocols.map((one) => [one.name, one]));
    this.#schemas = { ...shapeSchemas(), ...messageSchemas(protocols) };
    this.#paths = routePaths();
    const all = protocols.filter(({ messages }) => messages.length > 0);
    const send = (this.#paths[MESSAGES_PATH] as Json).post as Json;
    send.requestBody = jsonBody({ anyOf: all.map(({ name }) => refTo(`message.${name}`)) });
  }

  /** The document for the tree as it is now. O(nodes). */
  document(tree: TreeNode): Json {
    return {
      openapi: "3.1.0",
      info: {
        title: this.#about.name,
        version: this.#about.version,
        description: "Market data kept fresh, warm and labelled: the admin endpoint.",
      },
      servers: [{ url: "/" }],
      tags: tagsOf(),
      security: [{ bearer: [] }],
      paths: { ...this.#paths, ...this.#actorPaths(tree) },
      components: {
        schemas: this.#schemas,
        securitySchemes: {
          bearer: { type: "http", scheme: "bearer", description: "WICK_READ_TOKEN or WICK_TOKEN" },
        },
        responses: {
          Problem: {
            description: "What went wrong (RFC 9457)",
            content: { "application/problem+json": { schema: refTo("Problem") } },
          },
        },
      },
    };
  }

  #actorPaths(tree: TreeNode): Json {
    const paths: Json = {};
    for (const node of nodesOf(tree)) {
      const protocol = this.#protocols.get(node.mailbox?.protocol ?? "");
      if (protocol === undefined || protocol.messages.length === 0) continue;
      paths[`/api/actors${node.path}/messages`] = { post: actorOperation(node, protocol) };
    }
    return paths;
  }
}

function* nodesOf(node: TreeNode): Generator<TreeNode, void> {
  yield node;
  for (const child of node.children) yield* nodesOf(child);
}

function refTo(name: string): Json {
  return { $ref: `#/components/schemas/${name}` };
}

function jsonBody(schema: Json): Json {
  return { required: true, content: { "application/json": { schema } } };
}

// ---- routes ---------------------------------------------------------------------------------------

/** `/api/actors/:path{.+}/messages` as `/api/actors/{path}/messages`. */
function templateOf(path: string): string {
  return path.replace(/:(\w+)(?:\{[^}]*\})?/g, "{$1}");
}

/** What comes after `/api/` groups the routes. */
function tagOf(path: string): string {
  return /^\/api\/([\w-]+)/.exec(path)?.[1] ?? "service";
}

function tagsOf(): Json[] {
  return [...new Set(Object.keys(ROUTES).map(tagOf))].sort().map((name) => ({ name }));
}

function routePaths(): Json {
  const paths: Json = {};
  for (const [path, methods] of Object.entries(ROUTES)) {
    const item: Json = {};
    for (const [method, spec] of Object.entries<RouteSpec>(methods)) {
      item[method] = operationOf(path, method, spec);
    }
    paths[templateOf(path)] = item;
  }
  return paths;
}

function operationOf(path: string, method: string, spec: RouteSpec): Json {
  const operation: Json = {
    operationId: `${method}_${templateOf(path).replace(/\W+/g, "_").replace(/^_|_$/g, "")}`,
    summary: spec.about,
    tags: [tagOf(path)],
    parameters: [...parametersOf("path", spec.param), ...parametersOf("query", spec.query)],
    responses: responsesOf(spec),
  };
  if (spec.access === "open") operation.security = [];
  if (spec.json !== undefined) operation.requestBody = bodyOf(spec, spec.json);
  if (spec.push === true) operation.requestBody = pushBody();
  return operation;
}

function parametersOf(place: "path" | "query", schema: z.ZodObject | undefined): Json[] {
  if (schema === undefined) return [];
  return Object.entries(schema.shape).map(([name, field]) => {
    const made = schemaOf(field as z.ZodType, "input");
    const { description, ...rest } = made;
    return {
      name,
      in: place,
      required: place === "path" || !(field as z.ZodType).safeParse(undefined).success,
      ...(description === undefined ? {} : { description }),
      schema: rest,
    };
  });
}

function responsesOf(spec: RouteSpec): Json {
  const schema = spec.reply === undefined ? { type: "string" } : schemaOf(spec.reply, "output");
  const media = MEDIA[spec.answers ?? "json"];
  return {
    200: {
      description: "OK",
      content: Object.fromEntries(media.map((type) => [type, { schema }])),
    },
    default: { $ref: "#/components/responses/Problem" },
  };
}

function bodyOf({ jsonForm = "json" }: RouteSpec, json: z.ZodType): Json {
  const body = jsonBody(schemaOf(json, "input"));
  if (jsonForm === "any_type") return { ...body, required: false };
  if (jsonForm === "json") return body;
  const lines = { "application/x-ndjson": { schema: { type: "string" } } };
  return { ...body, content: { ...body.content as Json, ...lines } };
}

function pushBody(): Json {
  const one = refTo("Candle");
  return {
    required: true,
    description: "One candle a line, or a JSON array or object; `Content-Encoding: gzip` if wanted",
    content: {
      "application/x-ndjson": { schema: { type: "string" } },
      "application/json": { schema: { anyOf: [one, { type: "array", items: one }] } },
    },
  };
}

/** A schema in place, with references to the named shapes it holds. */
function schemaOf(schema: z.ZodType, io: "input" | "output"): Json {
  const name = z.globalRegistry.get(schema)?.id;
  if (name !== undefined) return refTo(name);
  const made = z.toJSONSchema(schema, { unrepresentable: "any", io }) as Json;
  return relocated(made, "", refToShape);
}

const refToShape = (name: string) => refTo(name).$ref as string;

// ---- schemas --------------------------------------------------------------------------------------

/** Every named shape that a route uses. */
function shapeSchemas(): Json {
  const named = new Map<string, Json>();
  const collect = (schema: z.ZodType | undefined, io: "input" | "output") => {
    if (schema === undefined) return;
    const made = z.toJSONSchema(schema, { unrepresentable: "any", io }) as Json;
    const own = z.globalRegistry.get(schema)?.id;
    const { $defs = {}, ...rest } = made;
    for (const [name, def] of Object.entries($defs as Json)) {
      named.set(name, relocated(def as Json, name, refToShape));
    }
    // A schema with a name may come as a reference to its own definition.
    if (own !== undefined && !named.has(own)) named.set(own, relocated(rest, own, refToShape));
  };
  collect(problem, "output");
  for (const methods of Object.values(ROUTES)) {
    for (const { json, reply } of Object.values<RouteSpec>(methods)) {
      collect(json, "input");
      collect(reply, "output");
    }
  }
  return Object.fromEntries([...named].sort(([a], [b]) => a < b ? -1 : 1));
}

/**
 * A schema with what JSON Schema calls local references (`#`, `#/$defs/x`) pointing to components;
 * `own` is the name that `#` stands for. `$schema`, `$id` and `id` go: they are the document's.
 */
function relocated(schema: Json, own: string, target: (name: string) => string): Json {
  const walk = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(walk);
    if (typeof value !== "object" || value === null) return value;
    const made: Json = {};
    for (const [name, part] of Object.entries(value)) {
      made[name] = name === "$ref" && typeof part === "string" ? moved(part) : walk(part);
    }
    return made;
  };
  const moved = (ref: string) =>
    ref === "#" ? target(own) : ref.startsWith("#/$defs/") ? target(ref.slice(8)) : ref;
  const { $schema: _schema, $defs: _defs, id: _id, $id: _own, ...rest } = schema;
  return walk(rest) as Json;
}

// ---- messages -------------------------------------------------------------------------------------

/** Per message its envelope and reply, per protocol the choice among them. */
function messageSchemas(protocols: readonly ProtocolDescription[]): Json {
  const made: Json = {};
  const add = (name: string, schema: Json) => {
    const target = (def: string) => refToShape(def === name ? name : `${name}.${def}`);
    for (const [def, part] of Object.entries(schema.$defs as Json | undefined ?? {})) {
      made[`${name}.${def}`] = relocated(part as Json, name, target);
    }
    made[name] = relocated(schema, name, target);
  };
  for (const { name, messages } of protocols) {
    if (messages.length === 0) continue;
    made[`message.${name}`] = {
      oneOf: messages.map(({ type }) => refTo(`message.${name}.${type}`)),
      discriminator: {
        propertyName: "type",
        mapping: Object.fromEntries(
          messages.map(({ type }) => [type, refToShape(`message.${name}.${type}`)]),
        ),
      },
    };
    for (const { type, about, payload, reply } of messages) {
      add(`payload.${name}.${type}`, payload as Json);
      if (reply !== null) add(`reply.${name}.${type}`, reply as Json);
      made[`message.${name}.${type}`] = envelope(name, type, about, reply !== null);
    }
  }
  return made;
}

function envelope(protocol: string, type: string, about: string, hasReply: boolean): Json {
  return {
    type: "object",
    description: about,
    properties: {
      type: { const: type },
      payload: refTo(`payload.${protocol}.${type}`),
      mode: { enum: hasReply ? ["tell", "ask"] : ["tell"] },
      timeoutMs: { type: "integer", minimum: 1, maximum: 60_000, default: 5_000 },
    },
    required: ["type"],
    additionalProperties: false,
  };
}

function actorOperation(node: TreeNode, { name, messages }: ProtocolDescription): Json {
  const replies = messages.filter(({ reply }) => reply !== null)
    .map(({ type }) => refTo(`reply.${name}.${type}`));
  const replied = {
    type: "object",
    properties: { state: { const: "replied" }, reply: { anyOf: [...replies, {}] } },
    required: ["state", "reply"],
  };
  return {
    operationId: `send_${node.path.slice(1).replace(/\W+/g, "_")}`,
    summary: `Sends a message to ${node.path}`,
    description: messages.map(({ type, about }) => `- \`${type}\` ${about}`).join("\n"),
    tags: ["actors"],
    requestBody: jsonBody(refTo(`message.${name}`)),
    responses: {
      200: { description: "Replied", content: { "application/json": { schema: replied } } },
      202: {
        description: "Taken",
        content: {
          "application/json": {
            schema: { type: "object", properties: { state: { const: "accepted" } } },
          },
        },
      },
      default: { $ref: "#/components/responses/Problem" },
    },
  };
}
