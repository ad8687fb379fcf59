// Asking the service with the visitor's token, which is kept for this tab only.

const KEY = "wick-token";

/** The token that the visitor gave; null = none. */
export function tokenKept() {
  return sessionStorage.getItem(KEY);
}

/** Keeps a token for this tab; null forgets it. */
export function keepToken(token) {
  if (token === null) sessionStorage.removeItem(KEY);
  else sessionStorage.setItem(KEY, token);
}

/**
 * An answer that says no: `status`, `code`, the problem's detail as its message, and `issues`, what
 * is wrong where: `{ path, message }`.
 */
export class Refused extends Error {
  name = "Refused";

  constructor(status, problem) {
    super(problem.detail ?? problem.title ?? `The service answered ${status}`);
    this.status = status;
    this.code = problem.code ?? null;
    this.issues = problem.issues ?? [];
  }
}

/** An answer as it comes; a 401 is told by the event `wick-token` of the document. */
export async function call(path, { method = "GET", json, signal } = {}) {
  const headers = {};
  const token = tokenKept();
  if (token !== null) headers.authorization = `Bearer ${token}`;
  if (json !== undefined) headers["content-type"] = "application/json";
  const body = json === undefined ? null : JSON.stringify(json);
  const answer = await fetch(path, { method, headers, body, signal: signal ?? null });
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => ({ detail: answer.statusText }));
  if (answer.status === 401) document.dispatchEvent(new CustomEvent("wick-token"));
  throw new Refused(answer.status, problem);
}

/** The JSON of an answer; null where there is no body. */
export async function ask(path, options) {
  const text = await (await call(path, options)).text();
  return text === "" ? null : JSON.parse(text);
}
