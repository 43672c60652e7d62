/* The answer before and after the changes, as two bars a class. */

import { el } from "../parts.js";
import { exact, percent } from "../words.js";

const SHOWN = 10;

/** @param {string[]} classes @param {ArrayLike<number>} before @param {ArrayLike<number> | null} after null where there is none */
export function bars(classes, before, after) {
  const now = after ?? before;
  const order = classes.map((_, n) => n).sort((a, b) => Math.max(before[b], now[b]) - Math.max(before[a], now[a])).slice(0, SHOWN);
  const shown = classes.length <= SHOWN ? classes.map((_, n) => n) : order;
  const best = Array.from(now).indexOf(Math.max(...Array.from(now)));
  const fill = (/** @type {number} */ part, /** @type {string} */ name) => {
    const bar = el("i", { class: name });
    bar.style.transform = `scaleX(${part})`;
    return bar;
  };
  return el("ul", { class: "answers both", "aria-label": "How likely each class is, before and after" }, ...shown.map((n) =>
    el("li", { class: n === best ? "said" : "", title: after ? `${classes[n]}: ${exact(before[n])} before, ${exact(after[n])} after` : `${classes[n]}: ${exact(before[n])}` },
      el("span", { class: "name", text: classes[n], title: classes[n] }), el("span", { class: "track" }, fill(before[n], "before"), after ? fill(after[n], "after") : null),
      el("span", { class: "value", text: percent(now[n]) }))));
}

/** What became of the answer, in a sentence. @param {string[]} classes @param {ArrayLike<number>} before @param {ArrayLike<number> | null} after @param {string} stops */
export function sentence(classes, before, after, stops) {
  const best = (/** @type {ArrayLike<number>} */ chances) => Array.from(chances).indexOf(Math.max(...Array.from(chances)));
  const [was, is] = [best(before), after ? best(after) : -1];
  if (!after) return ["No answer: ", el("b", { text: stops }), " does not fit any more. The bars show what it said before."];
  const sure = percent(after[is]);
  if (was === is) return ["It still says ", el("b", { text: classes[is] }), `: ${sure}, before ${percent(before[was])}.`];
  return ["It said ", el("b", { text: classes[was] }), ", and now it says ", el("b", { text: classes[is] }), `: ${sure}.`];
}
