/**
 * `wick send`: any message that may come from outside, to any actor.
 *
 * @module
 */

import { actorReply, sendReply } from "../http/schemas.ts";
import type { Command, CommandCall } from "./command.ts";
import { Exit, type ExitCode, UsageError } from "./exit_code.ts";
import type { CliIo } from "./io.ts";
import { actorsPath, NODE_OPTION, SERVICE_OPTIONS, withService } from "./service_call.ts";
import { type ServiceClient, ServiceError } from "./service_client.ts";
import { nearest } from "../std/suggest.ts";

/** Longest payload, characters: the service takes no larger body either. */
const PAYLOAD_CHARS_MAX = 1_000_000;

/** What the answer may take on its way, beyond the wait for the reply, ms. */
const WAY_MS = 2_000;

/** The command. */
export const SEND: Command = {
  name: "send",
  about: "send a message to an actor and print its reply",
  details: [
    "PATH is the actor's place in the tree, with or without the root: see wick tree. TYPE and the " +
    "JSON payload are those of its protocol; without a TYPE it lists the messages there are. The " +
    "payload is {} unless given.",
  ],
  operand: { called: "PATH [TYPE] [JSON]", value: "text", countMin: 1, countMax: 3 },
  options: {
    mode: { value: ["tell", "ask"], about: "ask when the message has a reply, unless given" },
    "timeout-ms": {
      value: "number",
      called: "N",
      about: "how long a reply may take",
      byDefault: "5000",
    },
    json: { about: "what became of it as one JSON object" },
    ...NODE_OPTION,
    ...SERVICE_OPTIONS,
  },
  examples: [
    { line: "wick send core/work/ingest/label_pool status", about: "" },
    {
      line: 'wick send core/store cursor {"feed":"synthetic"}',
      about: "quote the JSON in a shell",
    },
    { line: "wick send core/store", about: "what it understands" },
    { line: "wick send core/store info --node node-b", about: "to an actor of another node" },
  ],
  run: (call, io) => withService(call, io, (client) => runSend(call, io, client)),
};

async function runSend(
  { operands, values }: CommandCall,
  io: CliIo,
  client: ServiceClient,
): Promise<ExitCode> {
  const [path = "", type, text] = operands;
  const actor = `${actorsPath(values.text("node"))}/${pathPart(path)}`;
  if (type === undefined) return await list(actor, values.flag("json"), io, client);
  const timeoutMs = values.number("timeout-ms") ?? 5_000;
  const mode = values.text("mode");
  const sent = await client.ask(`${actor}/messages`, sendReply, {
    method: "POST",
    json: { type, payload: payloadOf(text), timeoutMs, ...(mode === undefined ? {} : { mode }) },
    timeoutMs: timeoutMs + WAY_MS,
  }).catch(async (error) => {
    throw await explained(error, actor, type, client);
  });
  if (values.flag("json")) io.out(`${JSON.stringify(sent)}\n`);
  else if (sent.state === "replied") io.out(`${JSON.stringify(sent.reply, null, 2)}\n`);
  else io.err(`wick send: accepted\n`);
  return Exit.ok;
}

/** A path of the tree within a URL. */
export function pathPart(path: string): string {
  const parts = path.split("/").filter((part) => part !== "");
  if (parts.length > 0 && !parts.some((part) => part === "." || part === "..")) {
    return parts.map(encodeURIComponent).join("/");
  }
  throw new UsageError(
    `Cannot use PATH: expected one of the tree, as core/store: current value is ` +
      JSON.stringify(path),
  );
}

function payloadOf(text: string | undefined): unknown {
  if (text === undefined) return {};
  if (text.length > PAYLOAD_CHARS_MAX) {
    throw new UsageError(`Cannot use JSON: expected at most ${PAYLOAD_CHARS_MAX} characters`);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message.split("\n")[0] : "";
    throw new UsageError(`Cannot use JSON: expected a JSON value: ${why}`);
  }
}

async function list(
  actor: string,
  isJson: boolean,
  io: CliIo,
  client: ServiceClient,
): Promise<ExitCode> {
  const { messages } = await client.ask(actor, actorReply);
  if (isJson) io.out(`${JSON.stringify(messages)}\n`);
  else for (const { type, about } of messages) io.out(`${type.padEnd(16)} ${about}\n`);
  return Exit.ok;
}

/** Adds the nearest message to a refusal of one that there is not. */
async function explained(
  error: unknown,
  actor: string,
  type: string,
  client: ServiceClient,
): Promise<unknown> {
  if (!(error instanceof ServiceError) || (error.status !== 422 && error.status !== 404)) {
    return error;
  }
  const types = await client.ask(actor, actorReply).then(
    ({ messages }) => messages.map((one) => one.type),
    (): string[] => [],
  );
  if (types.includes(type)) return error;
  const near = nearest(type, types);
  if (near === null) return error;
  return new ServiceError(`${error.message}; did you mean ${near}?`, error.exitCode, {
    code: error.code,
    status: error.status,
  });
}
