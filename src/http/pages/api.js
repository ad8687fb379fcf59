// What both pages share: asking the service with the visitor's token, which is kept for this tab
// only, and making elements whose texts are always texts.

const KEY = "wick-token";

/** Answers of the service; one without a valid token shows the form for it. */
export async function ask(path, options = {}) {
  const token = sessionStorage.getItem(KEY);
  const headers = token === null ? {} : { authorization: `Bearer ${token}` };
  const answer = await fetch(path, { ...options, headers });
  document.querySelector("#token").hidden = answer.status !== 401;
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => ({ detail: answer.statusText }));
  throw new Error(problem.detail);
}

/** Calls `onToken` when the visitor has given a token. */
export function onToken(onToken) {
  document.querySelector("#token").addEventListener("submit", (event) => {
    event.preventDefault();
    sessionStorage.setItem(KEY, new FormData(event.target).get("token").trim());
    onToken();
  });
}

/** An element with attributes and children; texts are never read as markup. */
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}
