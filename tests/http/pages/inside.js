// What the browser tests run inside of the page: `inside.…` there.

const FOCUSABLE = "a[href], button, input, select, textarea, summary, [tabindex]";

/** Whether a keyboard should reach an element. */
function isReachable(element) {
  if (element.tabIndex < 0 || element.disabled) return false;
  if (!element.checkVisibility({ visibilityProperty: true })) return false;
  if (element.closest("[inert]") !== null) return false;
  // Of a group of radios one is reached, the chosen one, and arrows lead on.
  return element.type !== "radio" || element.checked;
}

/** An element in words. */
function nameOf(element) {
  const words = element.getAttribute("aria-label") ?? element.innerText ?? element.value ?? "";
  const id = element.id === "" ? "" : `#${element.id}`;
  return `${element.localName}${id} "${words.trim().slice(0, 40)}"`;
}

/** Whether an element stands out while it has the focus. */
function isMarked(element) {
  const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(element);
  return (outlineStyle !== "none" && parseFloat(outlineWidth) >= 1) || boxShadow !== "none";
}

/** Whether something lies over all of an element. */
function isCovered(element) {
  const { left, right, top, bottom } = element.getBoundingClientRect();
  const x = Math.min(Math.max((left + right) / 2, 1), innerWidth - 1);
  const points = [top + 2, (top + bottom) / 2, bottom - 2]
    .filter((y) => y > 0 && y < innerHeight)
    .map((y) => document.elementFromPoint(x, y));
  return !points.some((found) =>
    found !== null && (element.contains(found) || found.contains(element))
  );
}

/** Whether something that moves sideways holds an element. */
function isInScroller(element) {
  for (let box = element.parentElement; box !== null; box = box.parentElement) {
    if (["auto", "scroll", "hidden", "clip"].includes(getComputedStyle(box).overflowX)) return true;
  }
  return false;
}

const seen = new Map();
const brokenPolicies = [];

addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI, sample }) => {
  brokenPolicies.push(`policy ${violatedDirective}: ${blockedURI} ${sample}`);
});

const inside = {
  brokenPolicies,

  /** Notes what gets the focus from now on. */
  watchFocus() {
    document.addEventListener("focusin", ({ target }) => {
      if (seen.has(target)) return;
      seen.set(target, { isMarked: isMarked(target), isCovered: isCovered(target) });
    });
  },

  /** Begins anew, from the top of the page. */
  forgetFocus() {
    document.activeElement?.blur();
    getSelection().removeAllRanges();
    scrollTo(0, 0);
    seen.clear();
  },

  /** What a keyboard should reach, and how many of them it reached. */
  reached() {
    const all = [...document.querySelectorAll(FOCUSABLE)].filter(isReachable);
    return { of: all.length, left: all.filter((one) => !seen.has(one)).map(nameOf) };
  },

  /** What had the focus without showing it, or under something else. */
  unseen() {
    return [...seen].filter(([, { isMarked, isCovered }]) => !isMarked || isCovered)
      .map(([element, { isCovered }]) => `${nameOf(element)}${isCovered ? ", covered" : ""}`);
  },

  /** By how much the page is wider than the window, and what reaches out of it. */
  tooWide() {
    const { scrollWidth, clientWidth } = document.documentElement;
    const out = [...document.body.querySelectorAll("*")].filter((element) =>
      element.getBoundingClientRect().right > clientWidth + 1 && element.checkVisibility() &&
      !element.closest(".visually-hidden, svg") && !isInScroller(element)
    );
    return { px: scrollWidth - clientWidth, out: out.map(nameOf).slice(0, 8) };
  },

  /** Texts that a box cuts off, with no way to see the rest. */
  cutOff() {
    return [...document.querySelectorAll("#view *, .top *")].filter((element) => {
      const { overflowX, textOverflow } = getComputedStyle(element);
      const cuts = (overflowX === "hidden" || overflowX === "clip") && textOverflow !== "ellipsis";
      return cuts && element.checkVisibility() && element.scrollWidth > element.clientWidth + 1 &&
        !element.closest(".visually-hidden, .uplot, .bar-track") &&
        getComputedStyle(element).clipPath === "none";
    }).map(nameOf);
  },

  /** Targets of a pointer that are smaller than WCAG 2.2 allows (2.5.8), but for links in texts. */
  tooSmall() {
    return [...document.querySelectorAll("button, select, input, summary")]
      .filter((element) => element.checkVisibility() && !element.closest(".visually-hidden"))
      .filter((element) => {
        const box = (element.closest("label") ?? element).getBoundingClientRect();
        return box.width > 0 && (box.width < 24 || box.height < 24);
      }).map(nameOf);
  },

  /** What moves by itself. */
  moving() {
    const lasting = [...document.querySelectorAll("*")].filter((element) => {
      const { animationName, transitionDuration, scrollBehavior } = getComputedStyle(element);
      const isSlow = transitionDuration.split(",").some((span) => parseFloat(span) > 0.001);
      return animationName !== "none" || isSlow || scrollBehavior === "smooth";
    });
    return [...lasting.map(nameOf), ...document.getAnimations().map(() => "an animation")];
  },

  /** Names of all buttons in the view and its dialogs. */
  buttons() {
    return [...document.querySelectorAll("#view button, dialog button")]
      .map((one) => (one.textContent ?? "").trim());
  },

  /** Clicks every button of the view, of rows the first three; says how many. */
  clickAll() {
    const all = [...document.querySelectorAll("#view button")];
    const rows = all.filter((one) => one.matches(".row-link")).slice(3);
    const wanted = all.filter((one) => !rows.includes(one) && one.checkVisibility());
    for (const one of wanted) one.click();
    return wanted.length;
  },

  /** Closes what the clicks have opened. */
  closeDialogs() {
    for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  },

  /** Elements that came out of data. */
  markup() {
    return document.querySelectorAll("#view img, #view b, #view script, #toasts b, #toasts img")
      .length;
  },

  /** As if the page were hidden, or shown again: a browser without windows hides none. */
  setHidden(isHidden) {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => isHidden });
    document.dispatchEvent(new Event("visibilitychange"));
  },

  /** What axe-core finds, in words; its source has to be there. */
  async axe() {
    const { violations } = await globalThis.axe.run(document, {
      resultTypes: ["violations"],
      // Styles are read where they are: nothing is fetched for it.
      preload: false,
    });
    return violations.map(({ id, help, nodes }) =>
      `${id}: ${help}: ${
        nodes.slice(0, 3).map(({ target, failureSummary }) =>
          `${target.join(" ")} (${failureSummary.replaceAll(/\s+/g, " ").slice(0, 300)})`
        ).join("; ")
      }`
    );
  },
};

globalThis.inside = inside;
