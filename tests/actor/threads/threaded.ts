/** Runs the actor of the thread tests. */
import { serveThread } from "../../../src/actor/thread_entry.ts";
import { threaded } from "../thread_actor.ts";

serveThread(threaded);
