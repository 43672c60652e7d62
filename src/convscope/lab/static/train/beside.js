/* Some Runs side by side: their errors with intervals, what differs, their curves on one scale, their first kernels. */

import { Problem, ask } from "../api.js";
import { legend, paintMaps } from "../film.js";
import { el, figure, say } from "../parts.js";
import { curves, hue, svg } from "./curves.js";
import { paintColours } from "./forming.js";

const KERNELS = 12;
const ACROSS = 6;
const WIDE = 320;
/** @type {Record<string, string>} */
const KINDS = { run: "", recipe: "recipe: ", net: "layer " };

export class Beside {
  /** @param {import("../lab.js").Lab} lab */
  constructor(lab) {
    this.lab = lab;
    /** @type {string[]} */
    this.names = [];
    this.said = null;
    this.node = el("section", { class: "beside", "aria-label": "Side by side", hidden: true });
    this.stop = lab.on("theme", () => this.said && this.#draw(this.said));
  }

  leave() {
    this.stop();
  }

  /** @param {string[]} names */
  async show(names) {
    if (names.join() === this.names.join()) return;
    this.names = names;
    this.said = null;
    this.node.hidden = !names.length;
    if (!names.length) return;
    if (!this.node.childElementCount) this.node.append(el("p", { class: "waiting", text: "The Runs are put side by side." }));
    try {
      const said = await ask("compare", { runs: names.join(",") });
      const kernels = await Promise.all(said.lines.map((/** @type {any} */ line) => (line.problem ? null : ask(`runs/${encodeURIComponent(line.name)}/forming`, { epochs: 1, units: KERNELS }).catch(() => null))));
      if (names.join() !== this.names.join()) return;
      this.said = { ...said, kernels };
      this.#draw(this.said);
    } catch (error) {
      if (error instanceof Problem) this.node.replaceChildren(el("p", { class: "problem", text: error.message }));
      else this.lab.trouble(error);
    }
  }

  /** @param {any} said */
  #draw({ lines, metrics, epochs, differences, kernels }) {
    const most = Math.max(...epochs, 1);
    const line = (/** @type {string} */ key) => lines.map((/** @type {any} */ { name }, /** @type {number} */ n) => ({ name, hue: n, points: metrics[n].map((/** @type {any} */ m) => [m.epoch, m[key]]).filter((/** @type {any} */ [, y]) => typeof y === "number") }));
    const watched = metrics.some((/** @type {any[]} */ rows) => rows.some((row) => "validation_accuracy" in row));
    this.node.replaceChildren(
      el("h2", { text: lines.length > 1 ? "Side by side" : `Run ${lines[0].name}` }),
      ...lines.filter((/** @type {any} */ { problem }) => problem).map((/** @type {any} */ { name, problem }) => el("p", { class: "problem", text: `${name}: ${problem}` })),
      errors(lines),
      el("div", { class: "curvesof" },
        curves({ title: "Right, of the pictures that it learns", part: true, epochs: most, series: line("train_accuracy") }),
        watched ? curves({ title: "Right, of the pictures kept aside", part: true, epochs: most, series: line("validation_accuracy") }) : "",
        curves({ title: "Loss", epochs: most, series: line("loss") })),
      new Set(lines.map((/** @type {any} */ one) => one.knobs.loss)).size > 1 ? el("p", { class: "quiet text", text: "These Runs make different losses small, so their losses cannot be compared: the pictures that are right can." }) : "",
      el("h3", { text: "What differs" }), lines.length > 1 ? this.#differences(lines, differences) : el("p", { class: "quiet", text: "Tick another Run to see what differs." }),
      el("h3", { text: "First kernels" }), el("div", { class: "kernels" }, ...lines.map((/** @type {any} */ one, /** @type {number} */ n) => film(one, kernels[n]))));
  }

  /** @param {any[]} lines @param {any[]} differences */
  #differences(lines, differences) {
    if (lines.some(({ problem }) => problem)) return el("p", { class: "quiet", text: "What differs can be said of Runs that are whole." });
    if (!differences.length) return el("p", { class: "text", text: "These Runs were trained alike: same network, same recipe, same pictures, same seed." });
    const rows = differences.map(({ kind, what, values }) => el("tr", {}, el("th", { scope: "row", text: `${KINDS[kind]}${what}` }), ...values.map((/** @type {string} */ value) => el("td", {}, value ? (kind === "net" ? layer(value) : shortened(value)) : el("span", { class: "quiet", text: "none" })))));
    return el("div", { class: "scroll", tabIndex: 0, role: "region", "aria-label": "What differs" }, el("table", { class: "differences" }, el("thead", {}, el("tr", {}, el("td"), ...lines.map(({ name }) => el("th", { scope: "col", text: name })))), el("tbody", {}, ...rows)));
  }
}

/** A path is told by its end. @param {string} value */
const shortened = (value) => (value.startsWith("/") ? el("span", { title: value, text: value.split("/").pop() }) : value);

/** A layer's text; a long table of its maps is cut short. @param {string} value */
const layer = (value) => el("code", { title: value, text: value.replace(/maps=\S{16,}/, "maps=…") });

/** Test errors with their intervals, on one scale from 0. @param {any[]} lines */
function errors(lines) {
  const scored = lines.map((line, n) => ({ ...line, n })).filter((line) => line.test_interval_percent);
  if (!scored.length) return el("p", { class: "quiet", text: "None of them has been tested yet." });
  const most = Math.max(...scored.map((line) => line.test_interval_percent[1])) || 1;
  const rows = scored.map(({ name, n, test_error_percent: wrong, test_interval_percent: [low, high], test_pictures: pictures }) => {
    const x = (/** @type {number} */ value) => 8 + (value / most) * (WIDE - 16);
    const drawing = svg("svg", { viewBox: `0 0 ${WIDE} 24`, "aria-hidden": "true" },
      svg("line", { x1: x(0), x2: x(most), y1: 12, y2: 12, stroke: getComputedStyle(document.documentElement).getPropertyValue("--line").trim() }),
      svg("line", { x1: x(low), x2: x(high), y1: 12, y2: 12, stroke: hue(n), "stroke-width": 4, "stroke-linecap": "round" }),
      svg("circle", { cx: x(wrong), cy: 12, r: 6, fill: hue(n) }));
    const row = el("li", {}, el("span", { class: "name", text: name }), drawing, el("span", { class: "n" }, el("b", { text: `${wrong.toFixed(2)} %` }), el("small", { class: "quiet", text: ` ${low.toFixed(2)} to ${high.toFixed(2)}` })));
    row.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => say(`${name}: ${wrong} % of ${pictures?.toLocaleString("en") ?? "the"} test pictures are wrong; 95 % interval ${low.toFixed(3)} to ${high.toFixed(3)} %`, event));
    row.addEventListener("pointerleave", () => say(""));
    return row;
  });
  return el("figure", { class: "errors" }, el("figcaption", {}, el("b", { text: "Wrong, of the test pictures" }), " with the 95 % interval, from 0 on"), el("ul", {}, ...rows));
}

/** @param {any} line @param {import("../packed.js").Message | null} message */
function film(line, message) {
  const name = el("b", { text: line.name });
  if (!message || !message.head.epochs.length) return el("div", {}, name, el("p", { class: "quiet", text: line.problem ? "They cannot be read." : "It has no convolution." }));
  const canvas = el("canvas", { class: "film", width: 1, height: 1 });
  const { head, arrays } = message;
  const { shape } = arrays.kernels ?? arrays.colours;
  const [rows, columns] = shape.slice(-2);
  const across = Math.min(ACROSS, shape[1]);
  if (arrays.kernels) paintMaps(canvas, arrays.kernels.values, [shape[1], rows, columns], head.limit, across, 1);
  else paintColours(canvas, arrays.colours, 0, across);
  canvas.style.width = `${canvas.width * Math.max(2, Math.floor(240 / canvas.width))}px`;
  const words = `${head.layer}: ${shape[1] < head.units ? `${shape[1]} of ${head.units}` : head.units} kernels of ${rows}×${columns}`;
  return el("div", {}, name, figure(canvas, `kernels of Run ${line.name}`, words), arrays.kernels ? legend(head.limit, "a kernel's numbers") : "");
}
