/** A thread whose module cannot be loaded. */
throw new Error("the entry is broken");
