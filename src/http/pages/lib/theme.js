// Light, dark, or as the system has it; kept in this browser.

const KEY = "wick-theme";
const WORDS = ["system", "light", "dark"];

/** The visitor's choice. */
export function themeKept() {
  const word = localStorage.getItem(KEY);
  return WORDS.includes(word) ? word : "system";
}

/** Keeps a choice and shows it. */
export function setTheme(word) {
  if (word === "system") localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, word);
  showTheme();
}

/** Shows the choice that is kept. */
export function showTheme() {
  const word = themeKept();
  if (word === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = word;
}
