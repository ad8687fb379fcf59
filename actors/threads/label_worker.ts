import { serveThread } from "../../src/actor/thread_entry.ts";
import { labelWorker } from "../label_worker.ts";

serveThread(labelWorker);
