/* The sum spelled out: window and kernel, their products, the sum of each slice, bias, activation, the value. */

import { colour, paintMap } from "../film.js";
import { el } from "../parts.js";
import { count, exact, number } from "../words.js";
import { Cells, filmCell } from "./cells.js";
import { block } from "./places.js";

/** @typedef {import("./places.js").At} At */
/** @typedef {import("./scene.js").Scene} Scene */
/** @typedef {import("./scene.js").Which} Which */

const LISTED = 8;
const SIGNS = { times: ["×", "=", "kernel", "products"], "squared difference": ["−", "²=", "code", "squared differences"], largest: ["", "", "", ""] };

/** A number that says all its digits where one points. @param {HTMLElement} node @param {number | null} value */
function put(node, value) {
  node.textContent = value === null ? "…" : number(value);
  node.title = value === null ? "" : exact(value);
}

export class Sum {
  /** @param {(channel: number) => void} pick brings a channel to the front */
  constructor(pick) {
    this.pick = pick;
    /** @type {Record<Which, Cells>} */
    this.cells = { window: this.#cells("window"), kernel: this.#cells("kernel"), products: this.#cells("products") };
    this.blocks = el("div", { class: "blocks" });
    this.slices = el("div", { class: "slices" });
    this.lines = el("dl", { class: "lines" });
    this.value = el("output", { class: "value" });
    this.chip = el("i", { class: "chip", "aria-hidden": "true" });
    this.falls = el("p", { class: "quiet" });
    this.steps = el("p", { class: "quiet" });
    this.sums = el("section", { class: "sums", "aria-label": "The sum" }, this.slices, this.lines, el("p", { class: "end" }, this.chip, this.value), this.falls, this.steps);
    this.node = el("section", { class: "work", "aria-label": "The sum spelled out" }, this.blocks);
    this.grid = new Cells("the sum of each slice", (row, column) => this.scene && pick(row * block(this.scene.channels.length)[1] + column));
    /** @type {Scene | null} */
    this.scene = null;
    /** @type {{ node: HTMLElement, products: HTMLCanvasElement, value: HTMLElement }[]} */
    this.rows = [];
    /** @type {HTMLElement[]} */
    this.numbers = [];
    this.room = 320;
  }

  /** @param {string} name */
  #cells(name) {
    return new Cells(name, (row, column) => this.scene?.block && this.pick(this.scene.head.first + row * this.scene.block[1] + column));
  }

  /** Another unit, channel, theme or width. @param {Scene} scene @param {number} front @param {number} room CSS pixels across */
  show(scene, front, room) {
    this.scene = scene;
    this.front = front;
    const three = scene.below !== null && room >= 600;
    this.room = three ? Math.floor((room - 48) / 3) : Math.floor((room - 32) / 2);
    this.blocks.classList.toggle("three", three);
    const { head, channels } = scene;
    const signs = SIGNS[/** @type {keyof typeof SIGNS} */ (head.operation)];
    const whose = scene.block || channels.length === 1 ? "" : ` of ${channels[front]}`;
    const figure = (/** @type {Which} */ which, /** @type {string} */ words, /** @type {number | null} */ limit) => {
      this.cells[which].canvas.dataset.name = `${words} of ${head.unit}`;
      return el("figure", {}, el("figcaption", {}, el("b", { text: words }), limit === null ? whose : ` up to ±${number(limit)}`), this.cells[which].canvas);
    };
    const sign = (/** @type {string} */ text) => el("span", { class: "sign", "aria-hidden": "true", text });
    this.blocks.replaceChildren(figure("window", "window", null), ...(head.operation === "largest" ? [sign("→")] : [
      sign(signs[0]), figure("kernel", signs[2], head.limits.kernel), sign(signs[1]), figure("products", signs[3], head.limits.products)]), this.sums);
    for (const cells of Object.values(this.cells)) cells.canvas.style.cursor = scene.block ? "pointer" : "default";
    this.#slices(scene, front);
    this.#lines(scene);
  }

  /** A line for each slice; of many slices a cell each. @param {Scene} scene @param {number} front */
  #slices(scene, front) {
    const { head, channels } = scene;
    this.rows = [];
    this.slices.replaceChildren();
    if (scene.block || channels.length === 1) return;
    this.slices.append(el("h3", { text: `${channels.length} slices` }, el("span", { class: "quiet", text: " the sum of each" })));
    if (channels.length > LISTED) return this.slices.append(this.grid.canvas);
    const [rows, columns] = head.kernel;
    channels.forEach((name, c) => {
      if (!scene.has(c)) return;
      const [kernel, products] = [el("canvas", { "aria-hidden": "true", class: "mini" }), el("canvas", { "aria-hidden": "true", class: "mini" })];
      paintMap(kernel, scene.kernel.values, rows, columns, head.limits.kernel, (c - head.first) * rows * columns);
      const value = el("span", { class: "n" });
      const node = el("button", { type: "button", class: "slice", "aria-pressed": String(c === front), title: `Bring ${name} to the front`, onclick: () => this.pick(c) },
        el("span", { text: name }), kernel, products, value);
      this.rows[c] = { node, products, value };
      this.slices.append(node);
    });
  }

  /** @param {Scene} scene */
  #lines({ head, block: laid, channels }) {
    const cells = head.kernel[0] * head.kernel[1] * (laid ? channels.length : 1);
    const [one, many] = head.operation === "squared difference" ? ["squared difference", "squared differences"] : ["product", "products"];
    const whole = head.operation === "largest" ? `the largest of ${cells}` : channels.length === 1 || laid ? `sum of ${count(cells, one, many)}` : `all ${channels.length} slices together`;
    /** @type {[string, string][]} */
    const said = [[whole, head.says]];
    if (head.bias !== 0 && head.operation === "times") said.push(["+ bias", "One more learned number, the same at every place"], ["= sum", "What the unit makes of the window"]);
    for (const { kind, says } of head.stages.slice(1)) said.push([`→ ${kind}`, says]);
    this.numbers = said.map(() => el("dd", { class: "n" }));
    this.lines.replaceChildren(...said.flatMap(([words, title], n) => [el("dt", { title, text: words }), this.numbers[n]]));
    this.steps.textContent = head.stages.slice(1).map((/** @type {any} */ stage) => stage.says).join("; then ");
  }

  /** @param {At} at @param {import("./rows.js").Sums | null} sums null while they are fetched */
  place(at, sums) {
    const { scene, front = 0 } = this;
    if (!scene) return;
    const { head } = scene;
    const [rows, columns] = scene.grid;
    const products = sums?.products ?? [];
    for (const which of /** @type {Which[]} */ (head.operation === "largest" ? ["window"] : ["window", "kernel", "products"]))
      this.cells[which].show(rows, columns, this.room, (i, j) => scene.cell(which, at, front, products, i, j), Math.max(12, Math.min(72, 400 / rows)));
    this.#placeSlices(scene, sums);
    const values = [sums?.total ?? null];
    if (head.bias !== 0 && head.operation === "times") values.push(head.bias, sums?.sum ?? null);
    for (let stage = 1; stage < head.stages.length; stage++) values.push(scene.value(stage, at));
    this.numbers.forEach((node, n) => put(node, values[n]));
    const value = scene.value(head.stages.length - 1, at);
    put(this.value, value);
    this.chip.style.background = colour(value, head.limits.value);
    this.falls.textContent = scene.places > 1 ? `falls into the map at row ${at[0]}, column ${at[1]}` : `is what ${head.unit} says`;
  }

  /** @param {Scene} scene @param {import("./rows.js").Sums | null} sums */
  #placeSlices(scene, sums) {
    const { head, channels } = scene;
    if (scene.block || channels.length === 1) return;
    if (channels.length > LISTED) {
      const [rows, columns] = block(channels.length);
      return this.grid.show(rows, columns, this.room, (i, j) => {
        const c = i * columns + j;
        return c < channels.length && sums ? filmCell(sums.channelSums[c], head.limits.channel_sums, channels[c]) : null;
      }, 40);
    }
    const size = head.kernel[0] * head.kernel[1];
    this.rows.forEach((row, c) => {
      if (sums) paintMap(row.products, sums.products, head.kernel[0], head.kernel[1], head.limits.products, (c - head.first) * size);
      put(row.value, sums ? sums.channelSums[c] : null);
    });
  }
}

/** All numbers of a place as a table, with all their digits. @param {Scene} scene @param {At} at @param {number} front @param {import("./rows.js").Sums} sums */
export function table(scene, at, front, sums) {
  const { head, channels } = scene;
  const [rows, columns] = scene.grid;
  const lines = [];
  for (let i = 0; i < rows && lines.length < 400; i++)
    for (let j = 0; j < columns; j++) {
      const cells = /** @type {Which[]} */ (["window", "kernel", "products"]).map((which) => scene.cell(which, at, front, sums.products, i, j));
      if (cells[0]) lines.push(el("tr", {}, el("th", { scope: "row", text: cells[1]?.name ?? "" }), ...cells.map((cell) => el("td", { class: "n", text: cell ? exact(cell.value) : "" }))));
    }
  const ends = scene.block ? [] : channels.map((name, c) => /** @type {[string, number]} */ ([`sum of ${name}`, sums.channelSums[c]]));
  if (head.operation === "times") ends.push(["bias", head.bias]);
  ends.push(["sum", sums.sum], ...head.stages.slice(1).map((/** @type {any} */ stage, /** @type {number} */ n) => /** @type {[string, number]} */ ([stage.kind, scene.value(n + 1, at)])));
  const whose = scene.block || channels.length === 1 ? "" : ` of ${channels[front]}`;
  return el("table", { class: "exact" }, el("caption", { class: "quiet", text: `${head.unit} at row ${at[0]}, column ${at[1]}: the numbers${whose}, all digits` }),
    el("thead", {}, el("tr", {}, ...["", "window", "kernel", "product"].map((text) => el("th", { scope: "col", class: text ? "n" : "", text })))),
    el("tbody", {}, ...lines), el("tfoot", {}, ...ends.map(([name, value]) => el("tr", {}, el("th", { scope: "row", colSpan: 3, text: name }), el("td", { class: "n", data: { sum: name }, text: exact(value) })))));
}
