import { importVisitor } from "./imports.ts";
import { projectPath, refusal } from "./layers.ts";
import { ROOT } from "../support/root.ts";

/** Refuses imports against the direction of the architecture; the table is in `layers.ts`. */
export const importDirection: Deno.lint.Rule = {
  create(ctx) {
    const from = projectPath(ctx.filename, ROOT);
    if (from === undefined) return {};
    return importVisitor((specifier, { range }) => {
      const reason = refusal(from, specifier);
      if (reason === undefined) return;
      ctx.report({ range, message: `Cannot import "${specifier}": ${reason}` });
    });
  },
};
