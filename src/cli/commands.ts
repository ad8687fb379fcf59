/**
 * All commands, in the order of help.
 *
 * @module
 */

import { BACKFILL } from "./backfill.ts";
import { BACKUP } from "./backup.ts";
import { BENCH } from "./bench.ts";
import { CACHE } from "./cache.ts";
import { CHECK } from "./check.ts";
import type { Command } from "./command.ts";
import { completionsCommand } from "./completions.ts";
import { CONFIG } from "./config_command.ts";
import { DEMO } from "./demo.ts";
import { DLQ } from "./dlq.ts";
import { DOCTOR } from "./doctor.ts";
import { EXPORT } from "./export.ts";
import { LABEL } from "./label.ts";
import { NODES } from "./nodes.ts";
import { REFRESH } from "./refresh.ts";
import { REPORT } from "./report.ts";
import { SEND } from "./send.ts";
import { MONITORING } from "./monitoring.ts";
import { SERVE } from "./serve.ts";
import { STATUS } from "./status.ts";
import { TAIL } from "./tail.ts";
import { TOP } from "./top.ts";
import { TREE } from "./tree.ts";
import { WARM } from "./warm.ts";

/** The table of commands. */
export const COMMANDS: readonly Command[] = [
  LABEL,
  CHECK,
  DEMO,
  SERVE,
  STATUS,
  TAIL,
  EXPORT,
  BACKFILL,
  REPORT,
  CACHE,
  WARM,
  REFRESH,
  NODES,
  TREE,
  TOP,
  SEND,
  DLQ,
  BACKUP,
  BENCH,
  CONFIG,
  DOCTOR,
  MONITORING,
  completionsCommand(() => COMMANDS),
];
