/* Contests that others published: open marks on an axis of their own, never among what was measured. */

import { el } from "../parts.js";
import { feet, marks } from "./marks.js";
import { axis } from "./scale.js";

/** @param {any[]} contests */
export function elsewhere(contests) {
  return el("section", { class: "elsewhere", "aria-label": "Published contests" }, el("h2", { text: "2012, as published" }),
    el("p", { class: "text", text: "The contest that changed the field cannot be run here: its million photographs are not free to share. These are its figures as printed. They are of other pictures than all that is above, and not to be compared with it." }),
    el("div", { class: "plots" }, ...contests.map(one)));
}

/** @param {any} contest */
function one({ title, about, source, entries }) {
  return el("figure", {}, el("figcaption", {}, el("b", { text: title }), ` ${about[0].toUpperCase()}${about.slice(1)}. Wrong if the truth is not among five answers.`), printed(entries), el("figcaption", { text: source }));
}

/** The printed figures as open marks. @param {any[]} entries */
export function printed(entries) {
  const scale = axis(entries.map((/** @type {any} */ entry) => entry.top5_percent));
  return el("ul", { class: "bars" }, ...entries.map((/** @type {any} */ { method, on, top5_percent: value, convolutional }) => el("li", { class: convolutional ? "net" : "" }, el("span", { text: on === "test" ? method : `${method} (${on})` }),
      marks({ measured: null, interval: null, published: value, convolutional }, scale, `${method}: published ${value} %`), el("span", { class: "n", text: `${value} %` }))),
    el("li", { "aria-hidden": "true" }, el("span"), feet(scale), el("span")));
}
