import { asNode, asNodes, literalText, type SyntaxNode } from "./ast.ts";

/**
 * A visitor that finds what a file imports:
 *
 * - `import`, `export … from`, `import()` of a literal, and imported types.
 * - `new URL("./file.ts", import.meta.url)`, by which threads are started.
 *
 * @param take Is told each specifier as it is written, and where.
 */
export function importVisitor(
  take: (specifier: string, source: SyntaxNode) => void,
): Deno.lint.LintVisitor {
  const takeLiteral = (source: SyntaxNode | undefined) => {
    const specifier = literalText(source);
    if (source !== undefined && specifier !== undefined) take(specifier, source);
  };
  const takeSource = (node: { source: unknown }) => takeLiteral(asNode(node.source));

  return {
    ImportDeclaration: takeSource,
    ExportAllDeclaration: takeSource,
    ExportNamedDeclaration: takeSource,
    ImportExpression: takeSource,
    TSImportType: (node) => takeLiteral(asNode(asNode(node.argument)?.literal)),
    NewExpression: (node) => {
      const [url, base] = asNodes(node.arguments);
      if (asNode(node.callee)?.name !== "URL" || !isModuleUrl(base)) return;
      if (literalText(url)?.startsWith(".")) takeLiteral(url);
    },
  };
}

function isModuleUrl(node: SyntaxNode | undefined): boolean {
  return node?.type === "MemberExpression" && asNode(node.object)?.type === "MetaProperty";
}
