import { fileURLToPath } from "node:url";

/** Absolute path of the project's root, with a slash at its end. */
export const ROOT: string = fileURLToPath(new URL("../../", import.meta.url)).replaceAll("\\", "/");
