/**
 * Errors of nodes, with codes for programs.
 *
 * @module
 */

/** Why a node must not go on. */
export type NodeErrorCode = "name_taken" | "group_full";

/** This process cannot be the node that it is told to be. */
export class NodeError extends Error {
  /** Name of the class, for logs. */
  override readonly name = "NodeError";

  /** An error of that code; `message` is for people and says what to do. */
  constructor(readonly code: NodeErrorCode, message: string) {
    super(message);
  }
}
