/**
 * What commands against the running service have in common: where it is, what is thrown, and when
 * they end.
 *
 * @module
 */

import type { CommandCall, OptionSpec } from "./command.ts";
import { resolveConfig, type Resolved } from "./config.ts";
import { Exit, type ExitCode } from "./exit_code.ts";
import type { CliIo } from "./io.ts";
import { ServiceClient, ServiceError } from "./service_client.ts";
import { CONFIG_OPTION, settingOptions } from "./settings.ts";

/** Options of every such command. */
export const SERVICE_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  ...settingOptions(["url"]),
  config: CONFIG_OPTION,
};

/** Option of commands that may look at another node. */
export const NODE_OPTION: Readonly<Record<string, OptionSpec>> = {
  node: {
    value: "text",
    called: "NAME",
    about: "of this node, by its name: see wick nodes; default: the one that answers",
  },
};

/** Where the actors of the named node are, or of the one that answers. */
export function actorsPath(node: string | undefined): string {
  return node === undefined ? "/api/actors" : `/api/nodes/${encodeURIComponent(node)}/actors`;
}

/** Where the service is: `url` if it is set, else where `wick serve` would listen. */
export function serviceUrl({ config, origins }: Resolved): string {
  const { host, port, url } = config;
  if (origins.url !== "default" || port === 0) return url;
  const isAny = host === "0.0.0.0" || host === "::" || host === "[::]";
  // An IPv6 address stands in brackets.
  const name = isAny
    ? "127.0.0.1"
    : host.includes(":") && !host.startsWith("[")
    ? `[${host}]`
    : host;
  return `http://${name}:${port}`;
}

/** A client by the configuration. */
export function clientOf(resolved: Resolved, io: CliIo): ServiceClient {
  const { token, readToken, timeoutMs } = resolved.config;
  return new ServiceClient({
    url: serviceUrl(resolved),
    token: token ?? readToken,
    timeoutMs,
    clock: io.clock,
    signal: io.interrupted,
  });
}

/** Runs `use` with a client; what the service refuses is said on standard error. */
export async function withService(
  { command, values }: CommandCall,
  io: CliIo,
  use: (client: ServiceClient) => Promise<ExitCode>,
): Promise<ExitCode> {
  const client = clientOf(await resolveConfig(values, io), io);
  try {
    return await use(client);
  } catch (error) {
    if (io.interrupted.aborted) return Exit.interrupted;
    if (!(error instanceof ServiceError)) throw error;
    io.err(`wick ${command.name}: ${error.message}\n`);
    return error.exitCode;
  }
}
