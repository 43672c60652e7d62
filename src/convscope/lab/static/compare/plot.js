/* Errors over a condition, as SVG: a line a method; both axes may be logarithmic. */

import { el, say } from "../parts.js";
import { hue, svg } from "../train/curves.js";
import { axis } from "./scale.js";

const [WIDTH, HEIGHT] = [400, 240];
const EDGE = { left: 48, right: 16, top: 12, bottom: 40 };

/** @typedef {{ name: string, colour: number, points: [number, number][] }} Line  place, error in percent */

/** @param {{ title: string, lines: Line[], log: boolean, across: string, said: (x: number) => string }} what @returns {HTMLElement} */
export function plot({ title, lines, log, across, said }) {
  const xs = [...new Set(lines.flatMap(({ points }) => points.map(([x]) => x)))].sort((a, b) => a - b);
  const of = log ? Math.log : (/** @type {number} */ v) => v;
  const [first, last] = [of(xs[0]), of(xs[xs.length - 1])];
  const scale = axis(lines.flatMap(({ points }) => points.map(([, y]) => y || 0.05)));
  const x = (/** @type {number} */ v) => EDGE.left + 8 + (last > first ? (of(v) - first) / (last - first) : 0.5) * (WIDTH - EDGE.left - EDGE.right - 16);
  const y = (/** @type {number} */ v) => HEIGHT - EDGE.bottom - ((scale.at(v || 0.05) - 2) / 96) * (HEIGHT - EDGE.top - EDGE.bottom);
  const spoken = lines.map(({ name, points }) => `${name}: ${points.map(([a, b]) => `${b.toFixed(2)} % ${said(a)}`).join(", ")}`).join("; ");
  const drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${title}. ${spoken}.` });
  const ink = getComputedStyle(document.documentElement);
  const label = { fill: ink.getPropertyValue("--quiet").trim(), "font-size": 12, "font-family": "system-ui, sans-serif" };
  for (const tick of scale.ticks) drawing.append(svg("line", { x1: EDGE.left, x2: WIDTH - EDGE.right, y1: y(tick), y2: y(tick), stroke: ink.getPropertyValue("--line").trim() }),
    svg("text", { x: EDGE.left - 8, y: y(tick) + 4, "text-anchor": "end", ...label }, `${Number(tick.toPrecision(2))} %`));
  xs.forEach((place, n) => drawing.append(svg("text", { x: x(place), y: HEIGHT - 22, "text-anchor": n === 0 && !log ? "start" : n === xs.length - 1 ? "end" : "middle", ...label }, short(place, said))));
  drawing.append(svg("text", { x: (EDGE.left + WIDTH - EDGE.right) / 2, y: HEIGHT - 4, "text-anchor": "middle", ...label }, across));
  lines.forEach(({ name, colour, points }) => {
    const path = points.map(([a, b], k) => `${k ? "L" : "M"}${x(a).toFixed(1)} ${y(b).toFixed(1)}`).join("");
    drawing.append(svg("path", { d: path, fill: "none", stroke: hue(colour), "stroke-width": 2, "stroke-linejoin": "round" }));
    for (const [a, b] of points) {
      const dot = svg("circle", { cx: x(a), cy: y(b), r: 4, fill: hue(colour) });
      dot.addEventListener("pointermove", (event) => say(`${name}, ${said(a)}: ${b.toFixed(2)} %`, /** @type {PointerEvent} */ (event)));
      dot.addEventListener("pointerleave", () => say(""));
      drawing.append(dot);
    }
  });
  const names = el("ul", { class: "names" }, ...lines.map(({ name, colour }) => el("li", {}, svg("svg", { viewBox: "0 0 24 8", width: 24, height: 8, "aria-hidden": "true" }, svg("line", { x1: 0, x2: 24, y1: 4, y2: 4, stroke: hue(colour), "stroke-width": 2 })), name)));
  return el("figure", { class: "curves" }, el("figcaption", { class: "row" }, names), drawing);
}

/** @param {number} place @param {(x: number) => string} said */
function short(place, said) {
  if (place >= 1000) return `${place / 1000}k`;
  return place >= 100 ? String(place) : said(place).replace(/^shifted by /, "");
}
