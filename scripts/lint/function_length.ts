import { projectPath } from "./layers.ts";
import { ROOT } from "../support/root.ts";

/** The most lines of its own that a function may have: more than one screen holds. */
export const LINES_MAX = 90;

/**
 * Refuses functions over {@linkcode LINES_MAX} lines. The lines of functions inside a function are
 * theirs, not its: a factory that returns a dozen small methods is not long. Tests are exempt.
 */
export const functionLength: Deno.lint.Rule = {
  create(ctx) {
    const path = projectPath(ctx.filename, ROOT);
    if (path === undefined || !/^(src|actors|bench|scripts)\/|^mod\.ts$/.test(path)) return {};
    const text = ctx.sourceCode.text;
    // Per open function: how many lines belong to the functions inside it.
    const inside: number[] = [];

    const enter = () => void inside.push(0);
    const leave = (node: { range: Deno.lint.Range }) => {
      const lines = text.slice(...node.range).split("\n").length;
      const own = lines - (inside.pop() ?? 0);
      if (inside.length > 0) inside[inside.length - 1] = (inside.at(-1) ?? 0) + lines - 1;
      if (own <= LINES_MAX) return;
      ctx.report({
        range: node.range,
        message: `Cannot keep a function of ${own} lines: at most ${LINES_MAX} fit a screen`,
      });
    };

    return {
      "FunctionDeclaration": enter,
      "FunctionDeclaration:exit": leave,
      "FunctionExpression": enter,
      "FunctionExpression:exit": leave,
      "ArrowFunctionExpression": enter,
      "ArrowFunctionExpression:exit": leave,
    };
  },
};
