import { pathToFileURL } from "node:url";

interface Config {
  readonly imports: Record<string, string>;
  readonly compilerOptions: Record<string, unknown>;
  readonly unstable?: string[];
}

/**
 * Writes a configuration under which `deno check --doc` accepts examples: it is the project's,
 * without the checks for unused names, because deno imports every export of a module into each
 * of its examples.
 *
 * @param root Absolute path of the project's root, with a slash at its end.
 * @returns The path of a temporary file; the caller removes it.
 */
export async function writeExampleConfig(root: string): Promise<string> {
  const config: Config = JSON.parse(await Deno.readTextFile(`${root}deno.json`));
  const imports = Object.entries(config.imports).map(([name, target]) => [
    name,
    target.startsWith(".") ? new URL(target, pathToFileURL(root)).href : target,
  ]);
  const path = await Deno.makeTempFile({ prefix: "wick-examples-", suffix: ".json" });
  await Deno.writeTextFile(
    path,
    JSON.stringify({
      imports: Object.fromEntries(imports),
      compilerOptions: {
        ...config.compilerOptions,
        noUnusedLocals: false,
        noUnusedParameters: false,
      },
      ...(config.unstable ? { unstable: config.unstable } : {}),
    }),
  );
  return path;
}
