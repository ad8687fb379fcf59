/**
 * What the rules need to know about a syntax tree and `Deno.lint` does not tell: whether a name is
 * a use of a value, and whether that value is the global one.
 *
 * @module
 */

/** A node of any type, seen by its fields. */
export interface SyntaxNode {
  readonly type: string;
  readonly range: Deno.lint.Range;
  readonly parent?: SyntaxNode | null;
  readonly [field: string]: unknown;
}

/** The node as a {@linkcode SyntaxNode}; undefined for what is none. */
export function asNode(value: unknown): SyntaxNode | undefined {
  return typeof value === "object" && value !== null && "type" in value
    ? value as SyntaxNode
    : undefined;
}

/** The nodes of a list field; empty when there is none. */
export function asNodes(value: unknown): SyntaxNode[] {
  return Array.isArray(value) ? value.map(asNode).filter((node) => node !== undefined) : [];
}

/** The text of a string literal, or of a template without holes. */
export function literalText(node: SyntaxNode | undefined): string | undefined {
  if (node?.type === "Literal" && typeof node.value === "string") return node.value;
  if (node?.type !== "TemplateLiteral" || asNodes(node.expressions).length > 0) return undefined;
  const cooked = asNodes(node.quasis)[0]?.cooked;
  return typeof cooked === "string" ? cooked : undefined;
}

const GLOBAL_OBJECTS = new Set(["globalThis", "self", "window"]);

/**
 * The dotted name of what an expression takes from the global scope: `Date.now` for `Date.now`,
 * `Date["now"]` and `globalThis.Date.now`; undefined for what starts anywhere else.
 */
export function globalName(node: SyntaxNode | undefined): string | undefined {
  if (node?.type === "ChainExpression") return globalName(asNode(node.expression));
  if (node?.type === "Identifier") {
    const name = String(node.name);
    return isUse(node) && !isDeclared(name, node) ? name : undefined;
  }
  if (node?.type !== "MemberExpression") return undefined;
  const base = globalName(asNode(node.object));
  const property = propertyName(node.property, node.computed === true);
  if (base === undefined || property === undefined) return undefined;
  return GLOBAL_OBJECTS.has(base) ? property : `${base}.${property}`;
}

/** The name of a property, where it is written in the source. */
export function propertyName(key: unknown, computed: boolean): string | undefined {
  const node = asNode(key);
  if (!computed && node?.type === "Identifier") return String(node.name);
  return literalText(node);
}

// Types of TypeScript that hold an expression; all others hold names of types.
const EXPRESSIONS_OF_TS = new Set([
  "TSAsExpression",
  "TSEnumMember",
  "TSInstantiationExpression",
  "TSNonNullExpression",
  "TSSatisfiesExpression",
  "TSTypeAssertion",
]);

const HOLDERS_OF_LABELS = new Set([
  "BreakStatement",
  "ContinueStatement",
  "ExportSpecifier",
  "ImportDefaultSpecifier",
  "ImportNamespaceSpecifier",
  "ImportSpecifier",
  "LabeledStatement",
  "MetaProperty",
]);

/** Whether an identifier stands for a value, and is no key, label or part of a type. */
function isUse(node: SyntaxNode): boolean {
  const parent = node.parent;
  if (!parent) return false;
  if (parent.type.startsWith("TS")) return EXPRESSIONS_OF_TS.has(parent.type);
  if (HOLDERS_OF_LABELS.has(parent.type)) return false;
  if (parent.computed === true) return true;
  if (parent.type === "MemberExpression") return parent.property !== node;
  return parent.key !== node;
}

/** Whether `name` is declared in a scope around `node`. Hoisted `var`s are not looked for. */
function isDeclared(name: string, node: SyntaxNode): boolean {
  for (let scope = node.parent; scope; scope = scope.parent) {
    if (declaredIn(scope).includes(name)) return true;
  }
  return false;
}

function declaredIn(scope: SyntaxNode): string[] {
  switch (scope.type) {
    case "Program":
    case "BlockStatement":
    case "StaticBlock":
    case "TSModuleBlock":
      return asNodes(scope.body).flatMap(declaredBy);
    case "SwitchStatement":
      return asNodes(scope.cases).flatMap((one) => asNodes(one.consequent).flatMap(declaredBy));
    case "FunctionDeclaration":
    case "FunctionExpression":
    case "ArrowFunctionExpression":
      return [...boundBy(scope.id), ...asNodes(scope.params).flatMap(boundBy)];
    case "ClassDeclaration":
    case "ClassExpression":
      return boundBy(scope.id);
    case "CatchClause":
      return boundBy(scope.param);
    case "ForStatement":
      return declaredBy(asNode(scope.init));
    case "ForInStatement":
    case "ForOfStatement":
      return declaredBy(asNode(scope.left));
    default:
      return [];
  }
}

/** The names that a statement declares. */
function declaredBy(statement: SyntaxNode | undefined): string[] {
  switch (statement?.type) {
    case "ExportNamedDeclaration":
    case "ExportDefaultDeclaration":
      return declaredBy(asNode(statement.declaration));
    case "VariableDeclaration":
      return asNodes(statement.declarations).flatMap((one) => boundBy(one.id));
    case "ImportDeclaration":
      return asNodes(statement.specifiers).flatMap((one) => boundBy(one.local));
    case "FunctionDeclaration":
    case "ClassDeclaration":
    case "TSEnumDeclaration":
    case "TSModuleDeclaration":
      return boundBy(statement.id);
    default:
      return [];
  }
}

/** The names that a pattern binds. */
function boundBy(pattern: unknown): string[] {
  const node = asNode(pattern);
  switch (node?.type) {
    case "Identifier":
      return [String(node.name)];
    case "ObjectPattern":
      return asNodes(node.properties).flatMap(boundBy);
    case "Property":
      return boundBy(node.value);
    case "ArrayPattern":
      return asNodes(node.elements).flatMap(boundBy);
    case "AssignmentPattern":
      return boundBy(node.left);
    case "RestElement":
      return boundBy(node.argument);
    case "TSParameterProperty":
      return boundBy(node.parameter);
    default:
      return [];
  }
}
