/** What could not be built; `message` is the one line that says so. */
export class CompileError extends Error {
  override readonly name = "CompileError";
}
