/* The figures of a chapter: out of the contests that come with convscope, and those that others published. */

import { ask } from "../api.js";
import { el } from "../parts.js";
import { printed } from "./elsewhere.js";
import { feet, marks, meaning } from "./marks.js";
import { axis } from "./scale.js";
import { evidence } from "./words.js";

/**
 * @typedef {object} Figures
 * @property {string} contest  a packaged one; where it is not there only what was published is shown
 * @property {string[]} [methods]
 * @property {number} [best]   without `methods`: so many of the best with convolutions, and without
 * @property {string} [elsewhere]  a contest of others
 */

/** @param {Figures} wanted @param {string} link  to the whole contest @returns {Promise<any[]>} */
export async function figuresOf({ contest, methods, best = 2, elsewhere }, link) {
  const listed = await ask("contests");
  const there = listed.some((/** @type {any} */ { name, problem }) => name === contest && !problem);
  const [page, known] = await Promise.all([there ? ask(`contests/${encodeURIComponent(contest)}`) : null, elsewhere ? ask("contest-parts") : null]);
  const other = known?.elsewhere.find((/** @type {any} */ one) => one.name === elsewhere);
  return [...(other ? published(other) : []), ...(page?.told ? measured(page.told, methods, best, link) : [])];
}

/** @param {any} told @param {string[] | undefined} methods @param {number} best @param {string} link */
function measured(told, methods, best, link) {
  const rows = told.results.filter((/** @type {any} */ row) => !row.experiment && row.status === "measured").sort((/** @type {any} */ a, /** @type {any} */ b) => b.error_percent - a.error_percent);
  const nets = rows.filter((/** @type {any} */ row) => row.convolutional).slice(-best);
  const others = rows.filter((/** @type {any} */ row) => !row.convolutional).slice(-best);
  const shown = methods ? rows.filter((/** @type {any} */ row) => methods.includes(row.method)) : [...others, ...nets];
  const scale = axis(shown.flatMap((/** @type {any} */ row) => [row.error_percent || 0.05, row.published_error_percent ?? 0]));
  const papers = shown.find((/** @type {any} */ row) => row.published_error_percent !== null)?.published_source;
  const bars = shown.map((/** @type {any} */ row) => el("li", { class: row.convolutional ? "net" : "" }, el("span", { text: row.title }),
    marks({ measured: row.error_percent, interval: row.interval_percent, published: row.published_error_percent, convolutional: row.convolutional }, scale,
      `${row.title}: measured ${row.error_percent.toFixed(2)} %${row.published_error_percent === null ? "" : `, published ${row.published_error_percent} %`}`), el("span", { class: "n", text: `${row.error_percent.toFixed(2)} %` })));
  return [el("ul", { class: "names" }, ...meaning(Boolean(papers))), el("ul", { class: "bars" }, ...bars, el("li", { "aria-hidden": "true" }, el("span"), feet(scale), el("span"))),
    el("figcaption", {}, `${papers ? `Published: ${papers}. ` : ""}${evidence(told)} `, el("a", { href: link, text: "All methods, and measure them again" }))];
}

/** @param {any} contest */
const published = ({ title, source, entries }) => [printed(entries), el("figcaption", { text: `${title}, as published: wrong if the truth is not among five answers. ${source}.` })];
