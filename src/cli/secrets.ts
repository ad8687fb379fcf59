/**
 * The secrets of a configuration, to be kept out of what is shown; see `src/http/redact.ts`.
 *
 * @module
 */

import type { WickConfig } from "./config_schema.ts";
import { SETTING_NAMES, SETTINGS } from "./settings.ts";

/** The secrets that the configuration holds, the password of a URL by itself too. */
export function secretsOf(config: WickConfig): readonly string[] {
  const secrets: string[] = [];
  for (const name of SETTING_NAMES) {
    const value = config[name];
    if (SETTINGS[name].secret !== true || typeof value !== "string") continue;
    secrets.push(value);
    const password = /:\/\/[^:@/]*:([^@]+)@/.exec(value)?.[1];
    if (password !== undefined) secrets.push(password);
  }
  return secrets;
}
