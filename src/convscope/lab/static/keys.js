/* What the keys do, and the list of it behind `?`. A view's keys come and go with it. */

import { button, el } from "./parts.js";

/** @typedef {{ keys: string[], says: string, act: (event: KeyboardEvent) => void }} Key */

/** @type {Key[]} */
const always = [];
/** @type {Key[]} */
let ofView = [];

/** @param {string | string[]} keys @param {string} says @param {(event: KeyboardEvent) => void} act */
export const onKey = (keys, says, act) => always.push({ keys: [keys].flat(), says, act });

/** The keys of the view that is shown. @param {Key[]} keys */
export const setViewKeys = (keys) => (ofView = keys);

export function listen() {
  addEventListener("keydown", (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (target.closest?.("textarea, select, dialog, input:not([type=range]):not([type=checkbox]):not([type=radio])")) return;
    if (target.matches?.("input[type=range]") && event.key.startsWith("Arrow")) return;
    if (event.key === " " && target.closest?.("button, a, input, summary")) return;
    const found = [...ofView, ...always].find(({ keys }) => keys.includes(event.key));
    if (!found) return;
    event.preventDefault();
    found.act(event);
  });
}

export function help() {
  const rows = [...ofView, ...always].map(({ keys, says }) =>
    el("tr", {}, el("td", {}, ...keys.flatMap((key) => [el("kbd", { text: NAMES[key] ?? key }), " "])), el("td", { text: says })));
  const box = el("dialog", { "aria-label": "Keys" }, el("h2", { text: "Keys" }), el("table", {}, el("tbody", {}, ...rows)),
    el("p", { class: "row" }, button("Close", () => box.close(), { class: "first" })));
  box.addEventListener("close", () => box.remove());
  document.body.append(box);
  box.showModal();
}

/** @type {Record<string, string>} */
const NAMES = { " ": "space", ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓" };
