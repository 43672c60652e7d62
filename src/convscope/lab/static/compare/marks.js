/* An error as a mark: measured is filled, with its interval; published is open. Never one for the other. */

import { svg } from "../train/curves.js";

/**
 * @param {{ measured: number | null, interval: number[] | null, published: number | null, convolutional: boolean }} one
 * @param {{ ticks: number[], at: (value: number) => number }} axis @param {string} spoken
 */
export function marks({ measured, interval, published, convolutional }, { ticks, at }, spoken) {
  const drawing = svg("svg", { class: "marks", role: "img", "aria-label": spoken, height: 24, width: "100%" });
  for (const tick of ticks) drawing.append(svg("line", { class: "tick", x1: `${at(tick)}%`, x2: `${at(tick)}%`, y1: 0, y2: "100%" }));
  const kind = convolutional ? "net" : "";
  if (interval) drawing.append(svg("line", { class: `interval ${kind}`, x1: `${at(interval[0])}%`, x2: `${at(interval[1])}%`, y1: "50%", y2: "50%" }));
  if (measured !== null) drawing.append(svg("circle", { class: `measured ${kind}`, cx: `${at(measured)}%`, cy: "50%", r: 4.5 }));
  if (published !== null) drawing.append(svg("circle", { class: "published", cx: `${at(published)}%`, cy: "50%", r: 5.5 }));
  return drawing;
}

/** The ticks' numbers. @param {{ ticks: number[], at: (value: number) => number }} axis */
export function feet({ ticks, at }) {
  const drawing = svg("svg", { class: "marks feet", height: 16, width: "100%", "aria-hidden": "true" });
  ticks.forEach((tick, n) => drawing.append(svg("text", { x: `${at(tick)}%`, y: 12, "text-anchor": "middle" }, `${Number(tick.toPrecision(2))}${n === ticks.length - 1 ? " %" : ""}`)));
  return drawing;
}

/** What the marks mean. @param {boolean} papers */
export function meaning(papers) {
  const one = (/** @type {any} */ what, /** @type {string} */ text) => {
    const item = document.createElement("li");
    item.append(marks({ measured: null, interval: null, published: null, convolutional: false, ...what }, { ticks: [], at: (v) => v }, ""), text);
    item.firstElementChild?.setAttribute("aria-hidden", "true");
    return item;
  };
  return [one({ measured: 50, interval: [10, 90], convolutional: true }, "measured, with convolutions"), one({ measured: 50, interval: [10, 90] }, "measured, without"),
    ...(papers ? [one({ published: 50 }, "published")] : [])];
}
