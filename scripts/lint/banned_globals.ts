import { asNode, asNodes, globalName, literalText, propertyName, type SyntaxNode } from "./ast.ts";
import { projectPath, pureFolder } from "./layers.ts";
import { ROOT } from "../support/root.ts";

// Nothing in src or actors asks the machine for time or chance: a run could not be repeated.
// Randomness for secrets (crypto) is not chance in that sense: it must not be repeatable.
const TIME_AND_CHANCE = [
  "Date.now",
  "Math.random",
  "Temporal.Now",
  "performance.now",
  "performance.timeOrigin",
  "process.hrtime",
];

// Pure folders have no timers, no I/O and no randomness either.
const IO = [
  "BroadcastChannel",
  "Deno",
  "EventSource",
  "MessageChannel",
  "WebSocket",
  "Worker",
  "AbortSignal.timeout",
  "console",
  "crypto.getRandomValues",
  "crypto.randomUUID",
  "fetch",
  "localStorage",
  "navigator",
  "performance",
  "process",
  "queueMicrotask",
  "sessionStorage",
  "setImmediate",
  "setInterval",
  "setTimeout",
];

const BANNED = new Set(TIME_AND_CHANCE);
// Where `performance` itself is banned, `performance.now` needs no second report.
const BANNED_IN_PURE = new Set([
  ...IO,
  ...TIME_AND_CHANCE.filter((name) => !IO.includes(name.replace(/\..*$/, ""))),
]);

// Modules of node that compute and reach nothing; a list of names limits what may be taken.
const PURE_MODULES: Readonly<Record<string, readonly string[] | "all">> = {
  "node:assert": "all",
  "node:assert/strict": "all",
  "node:buffer": "all",
  "node:crypto": ["createHash", "createHmac", "hash", "timingSafeEqual"],
  "node:util": "all",
};

// The one file that turns the machine's clock and dice into ports, the stand-in for JSR, and what
// runs in a browser.
const EXEMPT = /^src\/(actor\/clock\.ts$|std\/|http\/pages\/)/;

/** Refuses globals, and modules of node, by which code asks the machine what it should be told. */
export const bannedGlobals: Deno.lint.Rule = {
  create(ctx) {
    const path = projectPath(ctx.filename, ROOT);
    if (path === undefined || !/^(src|actors)\//.test(path) || EXEMPT.test(path)) return {};
    const folder = pureFolder(path);
    const banned = folder ? BANNED_IN_PURE : BANNED;
    const holders = new Set([...banned].map((name) => name.replace(/\.[^.]+$/, "")));
    const lastNames = new Set([...banned].map((name) => name.replace(/^.*\./, "")));
    const hint = folder
      ? `src/${folder} is pure: take time, chance and I/O as arguments (src/actor/clock.ts)`
      : "Time and chance come from Clock and Random of src/actor/clock.ts";
    const refuse = (node: { range: Deno.lint.Range }, name: string) =>
      ctx.report({ range: node.range, message: `Cannot use ${name} in ${path}`, hint });

    // Resolving a name walks the scopes, so only names that could be banned are resolved.
    const checkUse = (node: { range: Deno.lint.Range }, lastName: string | undefined) => {
      if (lastName === undefined || !lastNames.has(lastName)) return;
      const name = globalName(asNode(node));
      if (name !== undefined && banned.has(name)) refuse(node, name);
    };

    return {
      Identifier: (node) => checkUse(node, node.name),
      MemberExpression: (node) => checkUse(node, propertyName(node.property, node.computed)),
      // `new Date()` and `Date()` are now; `new Date(ms)` is a conversion.
      NewExpression: (node) => {
        const isNow = asNodes(node.arguments).length === 0;
        if (isNow && globalName(asNode(node.callee)) === "Date") refuse(node, "new Date()");
      },
      CallExpression: (node) => {
        if (globalName(asNode(node.callee)) === "Date") refuse(node, "Date()");
      },
      // `const { now } = Date` and `const D = Date` would hide the use that follows.
      VariableDeclarator: (node) => {
        const holder = globalName(asNode(node.init));
        if (holder === undefined || !holders.has(holder) || banned.has(holder)) return;
        for (const name of taken(asNode(node.id), holder)) {
          if (name === holder || banned.has(name)) refuse(node, name);
        }
      },
      ImportDeclaration: (node) => {
        for (const name of folder ? impureImports(node) : clockImports(node)) refuse(node, name);
      },
      ImportExpression: (node) => {
        const module = literalText(asNode(node.source));
        if (folder && module?.startsWith("node:")) refuse(node, module);
      },
    };
  },
};

/** What a declaration takes from a global object: the object itself or its properties. */
function taken(pattern: SyntaxNode | undefined, holder: string): string[] {
  if (pattern?.type !== "ObjectPattern") return [holder];
  return asNodes(pattern.properties).map((property) =>
    property.type === "Property"
      ? `${holder}.${propertyName(property.key, property.computed === true)}`
      : holder
  );
}

function impureImports(node: Deno.lint.ImportDeclaration): string[] {
  const module = String(node.source.value);
  if (!module.startsWith("node:") || node.importKind === "type") return [];
  const allowed = PURE_MODULES[module];
  if (allowed === undefined) return [module];
  return importedNames(node).filter((name) => allowed !== "all" && !allowed.includes(name))
    .map((name) => `${name} of ${module}`);
}

function clockImports(node: Deno.lint.ImportDeclaration): string[] {
  const module = String(node.source.value);
  const clocks = { "node:perf_hooks": ["performance", "*"], "node:process": ["hrtime"] }[module];
  return importedNames(node).filter((name) => clocks?.includes(name))
    .map((name) => `${name} of ${module}`);
}

/** The names taken from a module; `*` for all of it. */
function importedNames(node: Deno.lint.ImportDeclaration): string[] {
  return asNodes(node.specifiers).map((specifier) => {
    const imported = asNode(specifier.imported);
    return imported === undefined ? "*" : String(imported.name ?? imported.value);
  });
}
