/**
 * The emulator as a program for Node, driven by lines on standard input: `start PORT`, `halt`,
 * `shift MS` (its clock goes so much further), `quit`; each is answered with a line `ok`. What it
 * holds survives `halt`, not `quit`.
 *
 * It is not run by Deno: the HTTP/2 server of Deno 2.9.6 corrupts its memory when clients go away.
 *
 * @module
 */

import process from "node:process";
import { createInterface } from "node:readline";
import { FirestoreServer } from "@firestore-emulator/server";

let server: FirestoreServer | null = null;
let held: unknown = null;
let shiftMs = 0;

const MachineDate = Date;
globalThis.Date = class extends MachineDate {
  constructor(...args: unknown[]) {
    super(...(args.length === 0 ? [MachineDate.now() + shiftMs] : args) as [number]);
  }
} as DateConstructor;

async function obey(line: string): Promise<void> {
  const [word, value] = line.trim().split(" ");
  if (word === "start") {
    server = new FirestoreServer();
    if (held !== null) Object.assign(server.state, held);
    held = server.state;
    await server.start(Number(value));
  } else if (word === "shift") shiftMs += Number(value);
  else {
    server?.stop();
    server = null;
  }
  process.stdout.write("ok\n");
  if (word === "quit") process.exit(0);
}

for await (const line of createInterface({ input: process.stdin })) await obey(line);
process.exit(0);
