/**
 * Files of a folder.
 *
 * @module
 */

/** Paths of all files below a folder, from there, in the order of the file system. */
export function filesBelow(folder: string, below = ""): string[] {
  return [...Deno.readDirSync(`${folder}/${below}`)].flatMap(({ name, isDirectory }) =>
    isDirectory ? filesBelow(folder, `${below}${name}/`) : `${below}${name}`
  );
}
