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
  return Promise.all(webhooks.map(async ({ name, url, series, after, ...source }) => {
    const { secret } = await receiverSecret(`webhook ${name}`, source, io);
    return { name, url, secret, series, after };
  }));
}

/**
 * The secret that is shared with a receiver, and where it stands, for errors.
 *
 * @throws {UsageError} when it cannot be read or is short; never shows it.
 */
export async function receiverSecret(
  receiver: string,
  { secretFile, secretEnv }: {
    readonly secretFile: string | null;
    readonly secretEnv: string | null;
  },
  io: CliIo,
): Promise<{ readonly secret: string; readonly where: string }> {
  const where = secretFile ?? `environment ${secretEnv}`;
  const secret = secretFile !== null
    ? await readSecretFile(secretFile, io)
    : io.env(secretEnv ?? "")?.trim() ?? "";
  if (secret.length >= WEBHOOK_SECRET_CHARS_MIN) return { secret, where };
  throw new UsageError(
    `Cannot use ${receiver}: expected a secret of at least ${WEBHOOK_SECRET_CHARS_MIN} ` +
      `characters in ${where}: current value has ${secret.length}`,
  );
}
