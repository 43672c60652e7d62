/* The table of all methods, which is their error chart as well: sorted by any column, each row opens. */

import { button, el, say } from "../parts.js";
import { duration } from "../words.js";
import { feet, marks, meaning } from "./marks.js";
import { axis } from "./scale.js";

/** @type {[string, string, (row: any) => number | string | null][]} */
const COLUMNS = [
  ["method", "method", () => null],
  ["error", "error", (row) => row.error_percent],
  ["published", "published", (row) => row.published_error_percent],
  ["rejected", "rejected", (row) => row.rejection_percent],
  ["learn", "to learn", (row) => row.fit_seconds],
  ["answer", "to answer", (row) => row.predict_seconds],
  ["numbers", "numbers", (row) => row.parameters],
];
const TITLES = { rejected: "Test pictures that it must refuse to answer so that 0.5 % errors are left", numbers: "Numbers that it keeps", learn: "Seconds to learn", answer: "Seconds to answer for all test pictures" };
/** @type {Record<string, [string, (row: any) => boolean]>} */
export const KINDS = {
  "": ["All", () => true],
  conv: ["With convolutions", (row) => row.convolutional],
  other: ["Without", (row) => !row.convolutional],
  paper: ["Of the paper", (row) => row.published_error_percent !== null],
  today: ["Others", (row) => row.published_error_percent === null],
};

export class Table {
  /** @param {(changes: Record<string, string>) => void} change  keys of the link */
  constructor(change) {
    this.change = change;
    this.kinds = el("div", { class: "row kinds", role: "group", "aria-label": "Which methods" });
    this.legend = el("ul", { class: "names" });
    this.table = el("div", { class: "scroll", tabIndex: 0, role: "region", "aria-label": "The table of methods" });
    this.left = el("ul", { class: "notes quiet" });
    this.node = el("section", { class: "methods", "aria-label": "All methods" }, el("div", { class: "row between" }, this.kinds, this.legend), this.table, this.left);
  }

  /** @param {any} told @param {Record<string, string>} more @param {Map<string, any>} known */
  show(told, { sort = "error", kind = "", method = "" }, known) {
    const all = told.results.filter((/** @type {any} */ row) => !row.experiment);
    const rows = all.filter((/** @type {any} */ row) => row.status === "measured");
    const papers = rows.some((/** @type {any} */ row) => row.published_error_percent !== null);
    const wanted = KINDS[kind] && (papers || !["paper", "today"].includes(kind)) ? kind : "";
    const scale = axis(rows.flatMap((/** @type {any} */ row) => [row.error_percent || 0.05, row.published_error_percent ?? 0]));
    const focused = /** @type {HTMLElement | null} */ (document.activeElement)?.dataset?.focus;
    this.legend.replaceChildren(...meaning(papers));
    this.kinds.replaceChildren(...Object.entries(KINDS).filter(([name]) => papers || !["paper", "today"].includes(name)).map(([name, [title]]) =>
      button(title, () => this.change({ kind: name }), { "aria-pressed": String(name === wanted), data: { focus: `kind ${name}` } })));
    const columns = COLUMNS.filter(([name]) => papers || name !== "published");
    const key = columns.find(([name]) => name === sort)?.[2];
    const value = (/** @type {any} */ row) => key?.(row) ?? Infinity;
    const shown = rows.filter(KINDS[wanted][1]);
    if (key && sort !== "method") shown.sort((/** @type {any} */ a, /** @type {any} */ b) => Number(value(a)) - Number(value(b)));
    const heads = columns.map(([name, title]) => el("th", { class: name === "method" ? "" : `n ${name}`, scope: "col", "aria-sort": name === sort ? "ascending" : null, title: /** @type {any} */ (TITLES)[name] ?? "" },
      button(title, () => this.change({ sort: name }), { class: "plain", title: name === "method" ? "In the order of the paper" : `Order by ${title}`, data: { focus: `sort ${name}` } })));
    heads.splice(1, 0, el("th", { class: "chart" }, feet(scale)));
    this.table.replaceChildren(el("table", {}, el("thead", {}, el("tr", {}, ...heads)),
      el("tbody", {}, ...shown.flatMap((/** @type {any} */ row) => this.#row(row, told, scale, papers, row.method === method, known.get(row.method))))));
    this.left.replaceChildren(...unmeasured(all));
    if (focused) /** @type {HTMLElement | null} */ (this.node.querySelector(`[data-focus="${CSS.escape(focused)}"]`))?.focus();
  }

  /** @param {any} row @param {any} told @param {any} scale @param {boolean} papers @param {boolean} open @param {any} about */
  #row(row, told, scale, papers, open, about) {
    const { method, title, preprocessing, error_percent: error, interval_percent: [low, high], published_error_percent: published } = row;
    const prepared = preprocessing === "none" || title.includes(preprocessing.split(" ")[0]) ? "" : preprocessing;
    const spoken = `${title}: measured ${percent(error)}, ${low.toFixed(2)} to ${high.toFixed(2)}${published === null ? "" : `; published ${published} %`}`;
    const name = button(title, () => this.change({ method: open ? "" : method }), { class: "plain", "aria-expanded": String(open), data: { focus: `method ${method}` } });
    const line = el("tr", { class: `${row.convolutional ? "net" : ""} ${open ? "open" : ""}` },
      el("th", { scope: "row", class: "method" }, name, prepared ? el("small", { class: "quiet", text: prepared }) : ""),
      el("td", { class: "chart" }, marks({ measured: error, interval: [low, high], published, convolutional: row.convolutional }, scale, spoken)),
      el("td", { class: "n error" }, el("b", { text: percent(error) }), el("small", { class: "quiet", text: `${low.toFixed(2)} to ${high.toFixed(2)}` })),
      papers ? el("td", { class: "n published", text: published === null ? "" : `${published} %` }) : "",
      el("td", { class: "n rejected", text: row.rejection_percent === null ? "" : `${row.rejection_percent.toFixed(1)} %` }),
      el("td", { class: "n learn", text: duration(row.fit_seconds) }), el("td", { class: "n answer", text: duration(row.predict_seconds) }),
      el("td", { class: "n numbers", text: row.parameters.toLocaleString("en") }));
    line.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => event.pointerType === "mouse" && say(`${spoken}. ${about?.about ?? ""}`, event));
    line.addEventListener("pointerleave", () => say(""));
    return open ? [line, el("tr", { class: "details" }, el("td", { colSpan: papers ? 8 : 7 }, details(row, told, about)))] : [line];
  }
}

/** All there is to say about a row. @param {any} row @param {any} told @param {any} about */
function details(row, told, about) {
  const next = told.neighbours?.find((/** @type {any} */ test) => test.better === row.method);
  const titles = new Map(told.results.map((/** @type {any} */ one) => [one.method, one.title]));
  const chosen = Object.entries(row.chosen ?? {}).map(([what, value]) => `${what} ${value}`).join(", ");
  const costs = [row.choose_seconds ? `${duration(row.choose_seconds)} to choose` : "", `${duration(row.fit_seconds)} to learn`, `${duration(row.predict_seconds)} to answer`, row.memory_bytes ? `${(row.memory_bytes / 1e9).toFixed(2)} GB of memory` : ""];
  /** @type {[string, string][]} */
  const facts = [["what it is", about?.about ?? ""], ["published", row.published_error_percent === null ? "" : `${row.published_error_percent} %: ${row.published_source}`], ["why they differ", row.published_error_percent === null ? "" : about?.remark ?? ""],
    ["shown to it", row.preprocessing === "none" ? "the pictures as they are" : row.preprocessing], ["chosen aside", chosen], ["learned from", `${row.learned.toLocaleString("en")} pictures`], ["cost", costs.filter(Boolean).join(", ")],
    ["rejected for 0.5 % errors", row.rejection_percent === null ? "" : `${row.rejection_percent.toFixed(1)} %${row.published_rejection_percent === null ? "" : `; published ${row.published_rejection_percent} %`}`],
    ["against the next", next ? `${next.better_only} pictures only it names wrongly, ${next.worse_only} only ${titles.get(next.worse)}: p = ${next.p.toPrecision(2)} (McNemar)` : ""]];
  return el("dl", { class: "facts" }, ...facts.filter(([, text]) => text).map(([what, text]) => el("div", {}, el("dt", { text: what }), el("dd", { text }))));
}

/** @param {number} value */
const percent = (value) => `${value.toFixed(2)} %`;

/** Why some methods have no figure, each reason once. @param {any[]} all */
function unmeasured(all) {
  /** @type {Map<string, string[]>} */
  const why = new Map();
  for (const row of all) if (row.status !== "measured") why.set(row.status, [...(why.get(row.status) ?? []), row.title]);
  return [...why].map(([status, titles]) => el("li", { text: `${titles.join(", ")}: ${status}` }));
}
