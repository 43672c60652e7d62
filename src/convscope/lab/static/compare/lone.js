/* The pictures that one method alone names wrongly, all others rightly: where methods differ. */

import { address } from "../api.js";
import { button, el, figure } from "../parts.js";
import { count } from "../words.js";

const FIRST = 8;

/** @param {string} name of the contest @param {any} told */
export function lone(name, told) {
  const { methods = [], columns = 16, size = [28, 28] } = told.lone ?? {};
  const node = el("section", { class: "lone", "aria-label": "Errors that one method alone makes" });
  if (!methods.length) return node;
  const titles = new Map(told.results.map((/** @type {any} */ row) => [row.method, row.title]));
  const rows = el("ul", { class: "stack" });
  const about = el("p", { class: "text", text: "All others name these pictures rightly." });
  node.append(el("h2", { text: "What one method alone gets wrong" }), about, rows);
  const sheet = new Image();
  sheet.onload = () => {
    about.textContent += " Above each: what it shows, and what this method said.";
    show(methods.slice(0, FIRST));
  };
  sheet.onerror = () => rows.replaceChildren(...methods.map((/** @type {any} */ one) => el("li", { text: `${titles.get(one.method)}: ${count(one.total, "picture")}` })));
  sheet.src = address(`contests/${encodeURIComponent(name)}/lone.png`);

  /** @param {any[]} some */
  function show(some) {
    rows.replaceChildren(...some.map(({ method, total, pictures }) => el("li", {}, el("b", { text: titles.get(method) }), el("small", { class: "quiet", text: ` ${count(total, "picture")}${total > pictures.length ? `, ${pictures.length} shown` : ""}` }),
      el("div", { class: "row" }, ...pictures.map((/** @type {any} */ one) => picture(one))))));
    if (some.length < methods.length) rows.append(el("li", { class: "more" }, button(`Show all ${methods.length} methods`, () => show(methods))));
  }

  /** @param {{ at: number, truth: string, said: string, picture: number }} one */
  function picture({ at, truth, said, picture: number }) {
    const canvas = el("canvas", { class: "photo", width: size[0], height: size[1], "aria-label": `Test picture ${number}: ${truth}, named ${said}` });
    canvas.getContext("2d").drawImage(sheet, (at % columns) * size[0], Math.floor(at / columns) * size[1], ...size, 0, 0, ...size);
    const made = figure(canvas, `Test picture ${number}: ${truth}, named ${said}`);
    made.prepend(el("figcaption", { text: `${truth} → ${said}` }));
    return made;
  }
  return node;
}
