/* Curves over epochs, as SVG: each a line with its name at its end, all of a figure on one scale. */

import { el, say } from "../parts.js";
import { exact, number } from "../words.js";

const NS = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT] = [400, 200];
const EDGE = { left: 44, right: 12, top: 12, bottom: 32 };

/**
 * @typedef {object} Series
 * @property {string} name
 * @property {[number, number][]} points  epoch, value
 * @property {number} hue     0..5, a colour of its own
 * @property {boolean} [dashed]
 * @property {[number, number] | null} [live]  where an epoch that is not over yet is
 */
/** @typedef {{ title: string, series: Series[], epochs: number, part?: boolean }} Chart  `part`: values are parts of 1, told in percent */

/** @param {string} tag @param {Record<string, string | number>} props @param {...(Node | string)} children @returns {SVGElement} */
export function svg(tag, props = {}, ...children) {
  const made = /** @type {SVGElement} */ (document.createElementNS(NS, tag));
  for (const [key, value] of Object.entries(props)) made.setAttribute(key, String(value));
  made.append(...children);
  return made;
}

/** A colour of a line. @param {number} hue */
export const hue = (hue) => getComputedStyle(document.documentElement).getPropertyValue(`--line-${hue % 6}`).trim() || "currentColor";

/** @param {Chart} chart @returns {HTMLElement} */
export function curves(chart) {
  const { title, series, part = false } = chart;
  const told = (/** @type {number} */ value) => (part ? `${number(100 * value)} %` : number(value));
  const all = series.flatMap(({ points, live }) => (live ? [...points, live] : points)).filter(([, y]) => Number.isFinite(y));
  const caption = el("figcaption", { class: "row" }, el("b", { text: title }));
  if (!all.length) return el("figure", { class: "curves" }, caption, el("p", { class: "empty", text: "The first point comes when the first epoch is over." }));
  const epochs = Math.max(1, chart.epochs, ...all.map(([x]) => x));
  const [low, high, ticks] = scale(all.map(([, y]) => y), part);
  const x = (/** @type {number} */ epoch) => EDGE.left + (epoch / epochs) * (WIDTH - EDGE.left - EDGE.right);
  const y = (/** @type {number} */ value) => HEIGHT - EDGE.bottom - ((value - low) / (high - low)) * (HEIGHT - EDGE.top - EDGE.bottom);
  const ink = getComputedStyle(document.documentElement);
  const [line, quiet] = [ink.getPropertyValue("--line").trim(), ink.getPropertyValue("--quiet").trim()];
  const label = { fill: quiet, "font-size": 12, "font-family": "system-ui, sans-serif" };
  const drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": spoken(chart, told), xmlns: NS });
  for (const tick of ticks)
    drawing.append(svg("line", { x1: EDGE.left, x2: WIDTH - EDGE.right, y1: y(tick), y2: y(tick), stroke: line }),
      svg("text", { x: EDGE.left - 8, y: y(tick) + 4, "text-anchor": "end", ...label }, told(tick)));
  for (const epoch of marks(epochs)) drawing.append(svg("text", { x: x(epoch), y: HEIGHT - 10, "text-anchor": "middle", ...label }, String(epoch)));
  for (const one of series) drawing.append(...lineOf(one, x, y));
  const marker = svg("g", { visibility: "hidden" });
  drawing.append(marker);
  point(drawing, marker, { series, x, y, epochs, told });
  const names = series.length > 1 || series[0].name ? el("ul", { class: "names" }, ...series.map((one) => el("li", {}, swatch(one), one.name))) : "";
  const file = new XMLSerializer().serializeToString(drawing);
  caption.append(names, el("a", { class: "quiet", data: { save: "" }, download: `convscope-${title.replace(/\W+/g, "-")}.svg`, href: `data:image/svg+xml,${encodeURIComponent(file)}`, text: "SVG", "aria-label": `Save the curve as SVG: ${title}` }));
  return el("figure", { class: "curves" }, caption, drawing);
}

/** @param {Series} one @param {(v: number) => number} x @param {(v: number) => number} y */
function lineOf({ points, hue: which, dashed, live }, x, y) {
  const stroke = hue(which);
  const parts = [];
  const whole = points.filter(([, value]) => Number.isFinite(value));
  const path = whole.map(([epoch, value], n) => `${n ? "L" : "M"}${x(epoch).toFixed(1)} ${y(value).toFixed(1)}`).join("");
  if (path) parts.push(svg("path", { d: path, fill: "none", stroke, "stroke-width": 2, "stroke-linejoin": "round", "stroke-dasharray": dashed ? "6 4" : "none" }));
  if (whole.length < 40) for (const [epoch, value] of whole) parts.push(svg("circle", { cx: x(epoch), cy: y(value), r: 3, fill: stroke }));
  if (live && Number.isFinite(live[1])) parts.push(svg("circle", { cx: x(live[0]), cy: y(live[1]), r: 4, fill: "none", stroke, "stroke-width": 2 }));
  return parts;
}

/** The exact numbers under the pointer. @param {SVGElement} drawing @param {SVGElement} marker @param {any} how */
function point(drawing, marker, { series, x, y, epochs, told }) {
  const leave = () => (say(""), marker.setAttribute("visibility", "hidden"));
  drawing.addEventListener("pointerleave", leave);
  drawing.addEventListener("pointermove", (event) => {
    const box = drawing.getBoundingClientRect();
    const at = ((event.clientX - box.left) / box.width) * WIDTH;
    const epoch = Math.max(0, Math.round(((at - EDGE.left) / (WIDTH - EDGE.left - EDGE.right)) * epochs));
    const found = series.map((/** @type {Series} */ one) => [one, one.points.find(([n]) => n === epoch)?.[1]]).filter((/** @type {any} */ [, value]) => Number.isFinite(value));
    if (!found.length) return leave();
    marker.replaceChildren(...found.map((/** @type {any} */ [one, value]) => svg("circle", { cx: x(epoch), cy: y(value), r: 6, fill: "none", stroke: hue(one.hue), "stroke-width": 2 })));
    marker.setAttribute("visibility", "visible");
    say(`epoch ${epoch}: ${found.map((/** @type {any} */ [one, value]) => `${one.name ? `${one.name} ` : ""}${told(value)} (${exact(value)})`).join("; ")}`, event);
  });
}

/** Low end, high end and ticks in round numbers. @param {number[]} values @param {boolean} part @returns {[number, number, number[]]} */
function scale(values, part) {
  let [low, high] = [Math.min(...values), Math.max(...values)];
  if (part) high = 1;
  else low = 0;
  if (high - low < 1e-9) [low, high] = part ? [Math.max(0, low - 0.01), 1] : [0, high || 1];
  const rough = (high - low) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((n) => n * power).find((n) => n >= rough) ?? rough;
  low = Math.max(part ? 0 : low, Math.floor(low / step + 1e-9) * step);
  high = part ? 1 : Math.ceil(high / step - 1e-9) * step;
  const ticks = [];
  for (let n = 0; low + n * step <= high + step / 1000; n++) ticks.push(low + n * step);
  return [low, high, ticks];
}

/** Epochs that are written below: up to some eight. @param {number} epochs */
function marks(epochs) {
  const step = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000].find((n) => epochs / n <= 8) ?? epochs;
  const found = [];
  for (let n = 0; n <= epochs; n += step) found.push(n);
  return found;
}

/** @param {Series} one */
function swatch({ hue: which, dashed }) {
  return svg("svg", { viewBox: "0 0 24 8", width: 24, height: 8, "aria-hidden": "true" }, svg("line", { x1: 0, x2: 24, y1: 4, y2: 4, stroke: hue(which), "stroke-width": 2, "stroke-dasharray": dashed ? "6 4" : "none" }));
}

/** What a curve says to whoever hears it. @param {Chart} chart @param {(v: number) => string} told */
function spoken({ title, series }, told) {
  const ends = series.filter(({ points }) => points.length).map(({ name, points }) => `${name || title} from ${told(points[0][1])} after epoch ${points[0][0]} to ${told(points[points.length - 1][1])} after epoch ${points[points.length - 1][0]}`);
  return `${title}. ${ends.join("; ") || "The first epoch is not over yet"}.`;
}
