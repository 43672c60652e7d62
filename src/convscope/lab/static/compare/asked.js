/* What convolution buys: the experiments of a contest, each as a question with its plot. */

import { el } from "../parts.js";
import { marks } from "./marks.js";
import { plot } from "./plot.js";
import { axis } from "./scale.js";

/** @param {any} told @param {any[]} experiments @param {string} command */
export function asked(told, experiments, command) {
  const parts = experiments.map((experiment) => [experiment, told.results.filter((/** @type {any} */ row) => row.experiment === experiment.name && row.status === "measured")]);
  const there = parts.filter(([, rows]) => rows.length);
  const methods = [...new Set(there.flatMap(([, rows]) => rows.map((/** @type {any} */ row) => row.title)))];
  const missing = parts.filter(([, rows]) => !rows.length).map(([{ title }]) => title.toLowerCase());
  return el("section", { class: "asked", "aria-label": "What convolution buys" }, el("h2", { text: "What convolution buys" }),
    el("div", { class: "plots" }, ...there.map(([{ name, title, about }, rows]) => el("div", { class: "stack" }, el("h3", { text: title }), el("p", { class: "quiet", text: `${about[0].toUpperCase()}${about.slice(1)}.` }), drawn(name, title, rows, methods)))),
    missing.length ? el("p", { class: "empty", text: `Not measured in this contest: ${missing.join("; ")}. This asks it:` }) : "",
    missing.length ? el("pre", { tabIndex: 0, role: "region", "aria-label": "The command line" }, el("code", { text: `${command} --experiment all` })) : "");
}

/** @param {string} name @param {string} title @param {any[]} rows @param {string[]} methods  all, so that each has its colour everywhere */
function drawn(name, title, rows, methods) {
  const conditions = [...new Set(rows.map((row) => row.condition))];
  if (conditions.length < 2) {
    const scale = axis(rows.flatMap((row) => row.interval_percent));
    return el("ul", { class: "bars" }, ...rows.map((row) => el("li", {}, el("span", { text: row.title }), marks({ measured: row.error_percent, interval: row.interval_percent, published: null, convolutional: row.convolutional }, scale, `${row.title}: ${row.error_percent.toFixed(2)} %`), el("span", { class: "n", text: `${row.error_percent.toFixed(2)} %` }))));
  }
  const curves = name === "learning-curves";
  const place = (/** @type {any} */ row) => (curves ? row.learned : conditions.indexOf(row.condition));
  /** @type {Map<string, [number, number][]>} */
  const lines = new Map();
  for (const row of rows) lines.set(row.title, [...(lines.get(row.title) ?? []), [place(row), row.error_percent]]);
  return plot({ title, log: curves, across: curves ? "pictures learned from" : name === "shifts" ? "pixels moved" : "", said: (x) => (curves ? `after ${x.toLocaleString("en")} pictures` : conditions[x]),
    lines: [...lines].map(([method, points]) => ({ name: method, colour: methods.indexOf(method), points: points.sort((a, b) => a[0] - b[0]) })) });
}
