/**
 * From the configuration to webhooks with their secrets, which stand in no configuration.
 *
 * @module
 */

import { WEBHOOK_SECRET_CHARS_MIN, type WebhookSpec } from "../http/webhook/options.ts";
import { readSecretFile } from "./config_file.ts";
import type { WickConfig } from "./config_schema.ts";
import { UsageError } from "./exit_code.ts";
import type { CliIo } from "./io.ts";

/**
 * The webhooks of a configuration.
 *
 * @throws {UsageError} when a secret cannot be read or is short; never shows it.
 */
export function webhooksOf({ webhooks }: WickConfig, io: CliIo): Promise<WebhookSpec[]> {
  return Promise.all(webhooks.map(async ({ name, url, series, after, secretFile, secretEnv }) => {
    const where = secretFile ?? `environment ${secretEnv}`;
    const secret = secretFile !== null
      ? await readSecretFile(secretFile, io)
      : io.env(secretEnv ?? "")?.trim() ?? "";
    if (secret.length < WEBHOOK_SECRET_CHARS_MIN) {
      throw new UsageError(
        `Cannot use webhook ${name}: expected a secret of at least ${WEBHOOK_SECRET_CHARS_MIN} ` +
          `characters in ${where}: current value has ${secret.length}`,
      );
    }
    return { name, url, secret, series, after };
  }));
}
