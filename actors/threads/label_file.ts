/** Thread entry of the actor that labels files. */

import { serveThread } from "../../src/actor/thread_entry.ts";
import { labelFile } from "../label_file.ts";

serveThread(labelFile);
