/**
 * Bugs planted into the production runtime, one each. A simulator that lets one of them pass is
 * blind there, so a test demands that it finds them all.
 *
 * @module
 */

/** A change of one file of the runtime: the text that stands exactly once there, and its successor. */
export interface Canary {
  readonly bug: string;
  /** Name of the file in `src/actor`. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** All planted bugs. */
export const CANARIES: readonly Canary[] = [
  {
    bug: "rest_for_one forgets the last sibling",
    file: "supervisor.ts",
    find: `const group = this.children.slice(first);`,
    replace:
      `const group = this.children.slice(first, strategy === "rest_for_one" ? -1 : undefined);`,
  },
  {
    bug: "one_for_all spares the siblings before the child",
    file: "supervisor.ts",
    find: `strategy === "one_for_all" ? 0 : this.children.indexOf(child)`,
    replace: `this.children.indexOf(child)`,
  },
  {
    bug: "allows one restart too many",
    file: "supervisor.ts",
    find: `if (window.length > intensity) {`,
    replace: `if (window.length > intensity + 1) {`,
  },
  {
    bug: "allows one restart too few",
    file: "supervisor.ts",
    find: `if (window.length > intensity) {`,
    replace: `if (window.length >= intensity) {`,
  },
  {
    bug: "forgets a restart exactly one period ago",
    file: "supervisor.ts",
    find: `(window[0] as number) < nowMs - periodMs`,
    replace: `(window[0] as number) <= nowMs - periodMs`,
  },
  {
    bug: "keeps the window of a child over its own restart",
    file: "supervisor.ts",
    find: `      child.restartsMs.length = 0;
      child.startOwed = false;`,
    replace: `      child.startOwed = false;`,
  },
  {
    bug: "keeps its own window over its own restart",
    file: "supervisor.ts",
    find: `    this.#window.length = 0;`,
    replace: ``,
  },
  {
    bug: "restarts a temporary sibling",
    file: "supervisor.ts",
    find: `member !== child && member.restart === "temporary" && !member.retired`,
    replace: `member.name === ""`,
  },
  {
    bug: "leaves an ended transient out of a group restart",
    file: "supervisor.ts",
    find: `child.retired = child.restart === "temporary";`,
    replace: `child.retired = true;`,
  },
  {
    bug: "takes an exit with reason shutdown for a crash",
    file: "supervisor.ts",
    find: `const clean = reason === "normal" || reason === "shutdown";`,
    replace: `const clean = reason === "normal";`,
  },
  {
    bug: "stops siblings in start order",
    file: "supervisor.ts",
    find: `const stop = group.filter((member) => member !== child).reverse();`,
    replace: `const stop = group.filter((member) => member !== child);`,
  },
  {
    bug: "does not absorb the queued exit of a sibling it restarted",
    file: "supervisor.ts",
    find: `if (!child.exitQueued || child.incarnation !== event.incarnation) return;`,
    replace: ``,
  },
  {
    bug: "gives up and leaves its children running",
    file: "supervisor.ts",
    find:
      `const stop = this.children.filter((child) => child.alive || child === waited).reverse();`,
    replace:
      `const stop = this.children.filter((child) => purpose !== "giveUp" && child.alive).reverse();`,
  },
  {
    bug: "does not count a failed start that is tried again",
    file: "supervisor.ts",
    find: `        child.startOwed = false;
        return this.#restart(child);`,
    replace: `        child.startOwed = false;
        return this.#restartGroup(child, 0);`,
  },
  {
    bug: "a stop on request forgets those that wait for the stopped child",
    file: "supervisor.ts",
    find: `if (heldUp.length > 0) this.#begin(`,
    replace: `if (heldUp.length < 0) this.#begin(`,
  },
  {
    bug: "a restart on request forgets those that wait for the failed child",
    file: "supervisor.ts",
    find: `const holdsUp = child.startOwed;`,
    replace: `const holdsUp = false;`,
  },
  {
    bug: "a restart on request revives a child that was removed meanwhile",
    file: "supervisor.ts",
    find: `if (!this.children.includes(child)) return;`,
    replace: ``,
  },
  {
    bug: "a start on request starts one that runs",
    file: "supervisor.ts",
    find: `if (child.state !== "stopped" || !this.children.includes(child)) {`,
    replace: `if (!this.children.includes(child)) {`,
  },
  {
    bug: "a start on request that fails leaves the supervisor waiting",
    file: "supervisor.ts",
    find: `    child.retire("crash", child.lastError);
    this.#settleResume(false);`,
    replace: `    child.retire("crash", child.lastError);`,
  },
  {
    bug: "retires a left-out sibling that runs again",
    file: "supervisor.ts",
    find: `for (const child of this.#leftOut.splice(0)) this.#ended(`,
    replace: `const owed = this.#at < this.#list.length;
    for (const child of owed ? [] : this.#leftOut.splice(0)) this.#ended(`,
  },
  {
    bug: "loses the mailbox on restart",
    file: "actor_node.ts",
    find: `    this.#terminating = false;
    this.#stopAfter = null;`,
    replace: `    this.#terminating = false;
    while (this.mailbox.shift() !== null);
    this.#stopAfter = null;`,
  },
  {
    bug: "dead-letters the mailbox on restart",
    file: "actor_node.ts",
    find: `    this.#terminating = false;
    this.#stopAfter = null;`,
    replace: `    this.#terminating = false;
    for (let m = this.mailbox.shift(); m !== null; m = this.mailbox.shift()) {
      this.bury(m.entry, m.payload, m.ask, m.cause, m.bytes, "stopped");
    }
    this.#stopAfter = null;`,
  },
  {
    bug: "handles a message twice now and then",
    file: "actor_node.ts",
    find: `          ? handler(payload)`,
    replace: `          ? (this.handled % 10 === 9 ? handler(payload) : null, handler(payload))`,
  },
  {
    bug: "handles the message that it crashed on again",
    file: "actor_node.ts",
    find: `    this.#buryCurrent("crashed", error);`,
    replace: `    const again = { entry: this.#entry as Entry, payload: this.#payload };
    this.#buryCurrent("crashed", error);
    this.deliver(again.entry, again.payload, 2, null, 0);`,
  },
  {
    bug: "delivers to an actor that is stopped",
    file: "mailbox_node.ts",
    find: `    if (!this.accepting) {
      return this.#refused(entry, payload, ask, cause, "stopped");`,
    replace: `    if (this.sent < 0) {
      return this.#refused(entry, payload, ask, cause, "stopped");`,
  },
  {
    bug: "forgets the dead letter of an overflow",
    file: "mailbox_node.ts",
    find: `      if (admission === Admission.refused) {
        return`,
    replace: `      if (admission === Admission.refused) {
        if (ask === null) return "overflow";
        return`,
  },
  {
    bug: "takes the newest message of a lane first now and then",
    file: "lane.ts",
    find: `    this.sizes[slot] = bytes;
    return this.tail++;`,
    replace: `    this.sizes[slot] = bytes;
    if (this.tail - this.head > 1) {
      const before = (this.tail - 1) & this.#mask;
      const other = this.#read(before);
      this.#write(before, this.#read(slot));
      this.#write(slot, other);
    }
    return this.tail++;`,
  },
  {
    bug: "a stop does not wait for clean-up hooks",
    file: "actor_node.ts",
    find: `    const hooks = context.cleanUp(reason);`,
    replace: `    const hooks = reason === "shutdown" ? null : context.cleanUp(reason);`,
  },
  {
    bug: "the context of an ended incarnation still sends",
    file: "ref.ts",
    find: `    if (context !== null && !context.live) return "inert";`,
    replace: ``,
  },
  {
    bug: "a timer goes on after the end of its incarnation",
    file: "context.ts",
    find: `    this.#node.clearSystem();`,
    replace: ``,
  },
  {
    bug: "an ask whose asked actor is killed never settles",
    file: "mailbox_node.ts",
    find: `    } else ask.reject(new ActorStopped(this.path, entry.type));`,
    replace: `    } else ask.list?.remove(ask);`,
  },
];
