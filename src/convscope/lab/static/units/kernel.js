/* A kernel as sheets of film with their numbers: looked at, and where that is wanted painted on and typed into. */

import { colour, wordsOn } from "../film.js";
import { button, el, say } from "../parts.js";
import { exact, number } from "../words.js";

/** @typedef {{ name: string, href?: string }} Slice */

export const NUMBERS_FROM = 30;
const BRUSHES = [-1, -0.5, 0, 0.5, 1];

export class KernelSheet {
  /**
   * @param {object} what
   * @param {Slice[]} what.slices
   * @param {[number, number]} what.size   rows, columns
   * @param {number} what.limit
   * @param {number} what.side             CSS pixels of a cell
   * @param {(values: Float32Array) => void} [what.change]  given where it can be edited
   */
  constructor({ slices, size, limit, side, change }) {
    this.size = size;
    this.limit = limit;
    this.change = change;
    /** @type {Float32Array} */
    this.values = new Float32Array(0);
    /** @type {any[]} */
    this.cells = [];
    /** What is painted, in parts of the limit; null: cells are typed into. @type {number | null} */
    this.brush = null;
    this.painting = false;
    const [rows, columns] = size;
    this.numbers = side >= NUMBERS_FROM || Boolean(change);
    this.node = el("div", { class: change ? "kernels editing" : "kernels" }, ...slices.map((slice, n) => {
      const grid = el("div", { class: this.numbers ? "kernel" : "kernel bare", role: "group", "aria-label": `${slice.name}, ${rows}×${columns} numbers` });
      grid.style.gridTemplateColumns = `repeat(${columns}, ${side}px)`;
      grid.style.gridAutoRows = `${side}px`;
      for (let k = 0; k < rows * columns; k++) grid.append(this.#cell(n * rows * columns + k, slice.name));
      const name = slice.href ? el("a", { href: slice.href, text: slice.name }) : slice.name;
      return el("figure", {}, grid, el("figcaption", {}, name));
    }));
    if (change) this.#paints();
  }

  /** @param {number} k @param {string} name */
  #cell(k, name) {
    const [rows, columns] = this.size;
    const place = `${name}, row ${Math.floor((k % (rows * columns)) / columns)}, column ${k % columns}`;
    const cell = this.change
      ? el("input", { type: "text", inputMode: "decimal", class: "cell", "aria-label": place, autocomplete: "off", spellcheck: false, onchange: () => this.#typed(k), onfocus: () => this.brush === null && cell.select() })
      : el("span", { class: "cell" });
    cell.dataset.k = String(k);
    if (!this.change) {
      cell.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => say(`${place}: ${exact(this.values[k])}`, event));
      cell.addEventListener("pointerleave", () => say(""));
    } else cell.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this.#key(k, event));
    this.cells.push(cell);
    return cell;
  }

  /** @param {ArrayLike<number>} values */
  show(values) {
    this.values = Float32Array.from(values);
    this.paint();
  }

  paint() {
    this.cells.forEach((_, k) => this.#paint(k));
  }

  /** @param {number} k */
  #paint(k) {
    const cell = this.cells[k];
    const value = this.values[k];
    cell.style.backgroundColor = colour(value, this.limit);
    cell.style.color = wordsOn(value, this.limit);
    if (!this.numbers) return;
    const text = number(Math.abs(value) < 10 ? Number(value.toFixed(2)) : value);
    if (this.change) {
      if (cell !== document.activeElement) cell.value = text;
    } else cell.textContent = text;
  }

  /** @param {number} k */
  #typed(k) {
    const cell = this.cells[k];
    const value = Number(cell.value.replace("−", "-").replace(",", "."));
    cell.setAttribute("aria-invalid", String(!Number.isFinite(value)));
    if (!Number.isFinite(value) || cell.value.trim() === "") return cell.select();
    this.#set(k, value);
  }

  /** Arrow keys walk; with shift, up and down change the number. @param {number} k @param {KeyboardEvent} event */
  #key(k, event) {
    const [rows, columns] = this.size;
    const one = rows * columns;
    const row = Math.floor((k % one) / columns);
    if (event.shiftKey && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
      event.preventDefault();
      this.#set(k, Number((this.values[k] + (event.key === "ArrowUp" ? 1 : -1) * this.limit * 0.1).toPrecision(3)));
      this.cells[k].value = number(this.values[k]);
      return;
    }
    const to = { ArrowUp: row > 0 ? k - columns : -1, ArrowDown: row < rows - 1 ? k + columns : -1, ArrowLeft: k % columns > 0 ? k - 1 : -1, ArrowRight: k % columns < columns - 1 ? k + 1 : -1, Enter: k }[event.key];
    if (to === undefined || event.shiftKey) return;
    event.preventDefault();
    this.#typed(k);
    if (to >= 0) this.cells[to].focus();
  }

  /** @param {number} k @param {number} value */
  #set(k, value) {
    if (this.values[k] === Math.fround(value)) return;
    this.values[k] = value;
    this.#paint(k);
    this.change?.(this.values);
  }

  /** With a brush, the pointer paints cells while it is down. */
  #paints() {
    const under = (/** @type {PointerEvent} */ event) => {
      const cell = document.elementFromPoint(event.clientX, event.clientY)?.closest?.(".cell");
      const k = Number(/** @type {HTMLElement | null} */ (cell)?.dataset.k ?? -1);
      if (k >= 0 && this.cells[k] === cell) this.#set(k, (this.brush ?? 0) * this.limit);
    };
    this.node.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
      if (this.brush === null || !/** @type {HTMLElement} */ (event.target).closest(".cell")) return;
      event.preventDefault();
      this.painting = true;
      this.node.setPointerCapture(event.pointerId);
      under(event);
    });
    this.node.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => this.painting && under(event));
    for (const end of ["pointerup", "pointercancel"]) this.node.addEventListener(end, () => (this.painting = false));
  }

  /** The brushes: how strong what is painted is, or none, to type. @returns {HTMLElement} */
  brushes() {
    /** @type {HTMLButtonElement[]} */
    const all = [];
    const choose = (/** @type {number | null} */ brush, /** @type {HTMLButtonElement} */ pressed) => {
      this.brush = brush;
      this.node.classList.toggle("painting", brush !== null);
      for (const one of all) one.setAttribute("aria-pressed", String(one === pressed));
    };
    const type = button("Type", () => choose(null, type), { "aria-pressed": "true", title: "Click a number and type another" });
    all.push(type, ...BRUSHES.map((part) => {
      const said = number(part * this.limit);
      const brush = button("", () => choose(part, brush), { class: "brush", "aria-pressed": "false", "aria-label": `Paint ${said}`, title: `Paint ${said}` });
      const swatch = el("i");
      swatch.style.backgroundColor = colour(part, 1);
      brush.append(swatch);
      return brush;
    }));
    return el("div", { class: "row brushes", role: "group", "aria-label": "Type numbers, or paint them" }, ...all);
  }
}
