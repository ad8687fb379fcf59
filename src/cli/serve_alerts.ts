/**
 * From the configuration to receivers of alerts with their secrets, which stand in no configuration.
 *
 * @module
 */

import { type AlertSinkSpec, isOneWord } from "../http/webhook/alert_sink.ts";
import type { WickConfig } from "./config_schema.ts";
import { UsageError } from "./exit_code.ts";
import type { CliIo } from "./io.ts";
import type { AlertSinkConfig } from "./monitor_config.ts";
import { receiverSecret } from "./serve_webhooks.ts";

/**
 * The sinks of a configuration.
 *
 * @throws {UsageError} when a secret cannot be read, is short or no single word; never shows it.
 */
export function alertSinksOf({ alertSinks }: WickConfig, io: CliIo): Promise<AlertSinkSpec[]> {
  return Promise.all(alertSinks.map((sink) => alertSinkOf(sink, io)));
}

/** One of them. @throws {UsageError} as {@linkcode alertSinksOf}. */
export async function alertSinkOf(sink: AlertSinkConfig, io: CliIo): Promise<AlertSinkSpec> {
  const { name, kind, url, secretFile, secretEnv, severities, labels } = sink;
  const spec = { name, kind, url, severities, labels };
  if (secretFile === null && secretEnv === null) return { ...spec, secret: null };
  const { secret, where } = await receiverSecret(`alert sink ${name}`, sink, io);
  if (isOneWord(secret)) return { ...spec, secret };
  throw new UsageError(
    `Cannot use alert sink ${name}: expected a secret of printable characters without blanks in ` +
      `${where}: current value has others`,
  );
}
