/**
 * The rules of OpenAPI 3.1 (and of JSON Schema 2020-12 as far as it is used here) that the document
 * relies on, checked by hand: https://spec.openapis.org/oas/v3.1.0.
 *
 * @module
 */

type Json = { readonly [name: string]: unknown };

const METHODS = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
const TYPES = ["null", "boolean", "object", "array", "number", "string", "integer"];
const SCHEMA_MAPS = ["properties", "$defs", "patternProperties"];
const SCHEMA_LISTS = ["anyOf", "oneOf", "allOf", "prefixItems"];
const SCHEMAS = ["items", "additionalProperties", "not", "propertyNames"];

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** What is wrong with a document; nothing when it follows the rules. */
export function complaints(api: Json): string[] {
  const found: string[] = [];
  if (!/^3\.1\.\d+$/.test(String(api.openapi))) found.push("openapi: expected 3.1.x");
  const info = isObject(api.info) ? api.info : {};
  for (const name of ["title", "version"]) {
    if (typeof info[name] !== "string") found.push(`info.${name}: expected text`);
  }
  const components = isObject(api.components) ? api.components : {};
  for (const [kind, parts] of Object.entries(components)) {
    for (const name of Object.keys(isObject(parts) ? parts : {})) {
      if (!/^[a-zA-Z0-9._-]+$/.test(name)) found.push(`${kind}: ${name}: no component name`);
    }
  }
  const schemas = isObject(components.schemas) ? components.schemas : {};
  for (const [name, schema] of Object.entries(schemas)) {
    found.push(...schemaComplaints(schema, `schemas.${name}`));
    if (isObject(schema) && schema.$ref === `#/components/schemas/${name}`) {
      found.push(`schemas.${name}: is only itself`);
    }
  }
  found.push(...pathComplaints(isObject(api.paths) ? api.paths : {}), ...refComplaints(api));
  return found;
}

function pathComplaints(paths: Json): string[] {
  const found: string[] = [];
  const operationIds = new Set<unknown>();
  const shapes = new Set<string>();
  for (const [path, item] of Object.entries(paths)) {
    if (!path.startsWith("/")) found.push(`${path}: expected a slash first`);
    // Templated paths that differ only in names are the same path.
    const shape = path.replace(/\{[^}]*\}/g, "{}");
    if (shapes.has(shape)) found.push(`${path}: there twice`);
    shapes.add(shape);
    for (const [method, operation] of Object.entries(isObject(item) ? item : {})) {
      const where = `${method} ${path}`;
      if (!METHODS.includes(method) || !isObject(operation)) found.push(`${where}: no operation`);
      else {
        if (operationIds.has(operation.operationId)) found.push(`${where}: operationId twice`);
        operationIds.add(operation.operationId);
        found.push(...operationComplaints(operation, path, where));
      }
    }
  }
  return found;
}

function operationComplaints(operation: Json, path: string, where: string): string[] {
  const found: string[] = [];
  const parameters = Array.isArray(operation.parameters) ? operation.parameters : [];
  const names = new Set<string>();
  for (const one of parameters) {
    const isWell = isObject(one) && typeof one.name === "string" && isObject(one.schema) &&
      ["path", "query", "header", "cookie"].includes(String(one.in)) &&
      (one.in !== "path" || one.required === true);
    if (!isWell) found.push(`${where}: wrong parameter ${JSON.stringify(one)}`);
    else {
      const key = `${one.in} ${one.name}`;
      if (names.has(key)) found.push(`${where}: parameter ${key} twice`);
      names.add(key);
      found.push(...schemaComplaints(one.schema, `${where} ${key}`));
    }
  }
  const inPath = [...path.matchAll(/\{([^}]*)\}/g)].map(([, name]) => `path ${name}`);
  for (const name of inPath) {
    if (!names.has(name)) found.push(`${where}: {${name.slice(5)}} unknown`);
  }
  for (const name of names) {
    if (name.startsWith("path ") && !inPath.includes(name)) {
      found.push(`${where}: ${name} is not in it`);
    }
  }
  const responses = isObject(operation.responses) ? Object.entries(operation.responses) : [];
  if (responses.length === 0) found.push(`${where}: expected responses`);
  for (const [status, answer] of responses) {
    if (!/^([1-5](\d\d|XX)|default)$/.test(status)) found.push(`${where}: status ${status}`);
    if (
      !isObject(answer) || (answer.$ref === undefined && typeof answer.description !== "string")
    ) {
      found.push(`${where} ${status}: expected a description`);
    } else found.push(...contentComplaints(answer.content, `${where} ${status}`));
  }
  const body = operation.requestBody;
  if (body !== undefined) {
    if (!isObject(body) || !isObject(body.content)) found.push(`${where}: body without content`);
    else found.push(...contentComplaints(body.content, `${where} body`));
  }
  return found;
}

function contentComplaints(content: unknown, where: string): string[] {
  return Object.entries(isObject(content) ? content : {}).flatMap(([type, media]) => {
    const found = /^[\w.+-]+\/[\w.+-]+$/.test(type) ? [] : [`${where}: media type ${type}`];
    const schema = isObject(media) ? media.schema : undefined;
    return [
      ...found,
      ...(schema === undefined ? [] : schemaComplaints(schema, `${where} ${type}`)),
    ];
  });
}

function schemaComplaints(schema: unknown, where: string): string[] {
  if (typeof schema === "boolean") return [];
  if (!isObject(schema)) return [`${where}: expected a schema`];
  const found: string[] = [];
  const types = Array.isArray(schema.type) ? schema.type : [schema.type];
  if (schema.type !== undefined && !types.every((type) => TYPES.includes(String(type)))) {
    found.push(`${where}: type ${schema.type}`);
  }
  if (schema.required !== undefined && !isTextList(schema.required)) {
    found.push(`${where}: required is no list of names`);
  }
  if (schema.enum !== undefined && !Array.isArray(schema.enum)) found.push(`${where}: enum`);
  if (typeof schema.pattern === "string") new RegExp(schema.pattern, "u");
  for (const name of SCHEMA_MAPS) {
    const map = schema[name];
    if (map === undefined) continue;
    if (!isObject(map)) found.push(`${where}: ${name} is no map of schemas`);
    else {
      for (const [key, part] of Object.entries(map)) {
        found.push(...schemaComplaints(part, `${where}.${key}`));
      }
    }
  }
  for (const name of SCHEMA_LISTS) {
    const list = schema[name];
    if (list === undefined) continue;
    if (!Array.isArray(list) || list.length === 0) found.push(`${where}: ${name} is no list`);
    else list.forEach((part, i) => found.push(...schemaComplaints(part, `${where}.${name}.${i}`)));
  }
  for (const name of SCHEMAS) {
    if (schema[name] !== undefined) {
      found.push(...schemaComplaints(schema[name], `${where}.${name}`));
    }
  }
  return found;
}

function isTextList(value: unknown): boolean {
  return Array.isArray(value) && value.every((one) => typeof one === "string");
}

/** Every `$ref` and every target of a discriminator must lead to something in the document. */
function refComplaints(api: Json): string[] {
  const found: string[] = [];
  const resolve = (ref: string): unknown =>
    ref.slice(2).split("/").map((part) => part.replace(/~1/g, "/").replace(/~0/g, "~"))
      .reduce<unknown>((at, part) => isObject(at) ? at[part] : undefined, api);
  const walk = (value: unknown, where: string): void => {
    if (Array.isArray(value)) return value.forEach((part, i) => walk(part, `${where}.${i}`));
    if (!isObject(value)) return;
    const mapping = isObject(value.mapping) ? Object.values(value.mapping) : [];
    for (const ref of [value.$ref, ...mapping]) {
      if (ref === undefined || typeof ref !== "string") continue;
      if (!ref.startsWith("#/") || resolve(ref) === undefined) {
        found.push(`${where}: ${ref} leads nowhere`);
      }
    }
    for (const [name, part] of Object.entries(value)) walk(part, `${where}.${name}`);
  };
  walk(api, "");
  return found;
}
