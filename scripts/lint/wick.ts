/**
 * The project's own lint rules, run by `deno lint` (see `lint.plugins` in deno.json).
 *
 * - `wick/import-direction`: who may import what; the table is in `layers.ts`.
 * - `wick/banned-globals`: who may ask the machine for time, chance and I/O.
 * - `wick/function-length`: a function fits a screen or is taken apart.
 *
 * @module
 */
import { bannedGlobals } from "./banned_globals.ts";
import { functionLength } from "./function_length.ts";
import { importDirection } from "./import_direction.ts";

/** The plugin that `deno lint` loads. */
const plugin: Deno.lint.Plugin = {
  name: "wick",
  rules: {
    "banned-globals": bannedGlobals,
    "function-length": functionLength,
    "import-direction": importDirection,
  },
};

export default plugin;
