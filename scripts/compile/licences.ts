/**
 * The licences of what a built file holds: most of them ask that their text goes with every copy.
 *
 * @module
 */

import { basename } from "node:path";
import config from "../../deno.json" with { type: "json" };
import type { Bundle, BundledPackage } from "./bundle.ts";
import { DENO_VERSION } from "./targets.ts";

const FILE = "LICENCES.txt";

/** The bundle with all licences in one more file. */
export async function licensed(bundle: Bundle): Promise<Bundle> {
  return { ...bundle, files: new Map([...bundle.files, [FILE, await licencesText(bundle)]]) };
}

/** One text: every package with its version, the licence it states and the text it brings. */
async function licencesText(bundle: Bundle): Promise<string> {
  const parts = [
    `wick ${config.version} (MIT) is built with deno ${DENO_VERSION} (MIT, https://github.com/denoland/deno).\n` +
    `The packages in it:\n`,
  ];
  for (const one of bundle.packages) parts.push(await licenceOf(one, bundle.npmCache));
  return parts.join(`\n${"-".repeat(80)}\n\n`);
}

async function licenceOf({ name, version }: BundledPackage, npmCache: string): Promise<string> {
  const folder = await folderOf(`${name}/${version}`, npmCache);
  if (folder === null) return `${name} ${version}\n`;
  const { license } = JSON.parse(await Deno.readTextFile(`${folder}/package.json`));
  const texts: string[] = [];
  for (const file of [...Deno.readDirSync(folder)].map(({ name }) => name).sort()) {
    if (!/^(licen[cs]e|notice|copying)/i.test(file)) continue;
    const { isFile } = await Deno.stat(`${folder}/${file}`);
    if (isFile) texts.push((await Deno.readTextFile(`${folder}/${basename(file)}`)).trim());
  }
  return `${[`${name} ${version}: ${JSON.stringify(license ?? null)}`, ...texts].join("\n\n")}\n`;
}

/** Below the cache the packages of each registry lie in a folder of their own. */
async function folderOf(path: string, npmCache: string): Promise<string | null> {
  for (const { name } of Deno.readDirSync(npmCache)) {
    const folder = `${npmCache}/${name}/${path}`;
    const { isDirectory } = await Deno.stat(folder).catch(() => ({ isDirectory: false }));
    if (isDirectory) return folder;
  }
  return null;
}
