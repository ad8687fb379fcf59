/**
 * Entry of the thread in which Wick's side of the bench runs.
 *
 * @module
 */

import { serveThread } from "../../src/actor/thread_entry.ts";
import { answerer } from "./answer_actor.ts";

serveThread(answerer);
