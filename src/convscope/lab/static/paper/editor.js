/* A sheet's numbers, to be painted and typed; what is changed becomes a sheet of one's own. */

import { ask } from "../api.js";
import { colour, wordsOn } from "../film.js";
import { button, el } from "../parts.js";
import { exact, number } from "../words.js";

export const LARGEST = 9;
const BRUSHES = /** @type {[string, number, string][]} */ ([["+", 1, "Paint +1: light is wanted here"], ["0", 0, "Paint 0: whatever lies here does not count"], ["−", -1, "Paint −1: dark is wanted here"]]);
const CHANGES = [["turn", "Turn", "A quarter turn to the left"], ["mirror", "Mirror", "Left and right exchanged"], ["negative", "Negative", "Every number with the other sign"],
  ["level", "Sum to 0", "The mean taken off: an even ground then gives 0, however bright it is"], ["normalise", "Normalise", "Divided by the sum of the magnitudes: the map then stays within −1 and 1"]];
const SIZES = [3, 5, 7, 9];

export class Editor {
  /** @param {import("../lab.js").Lab} lab @param {(sheet: string, how?: { replace?: boolean }) => void} go */
  constructor(lab, go) {
    this.lab = lab;
    this.go = go;
    /** @type {number[]} */
    this.numbers = [];
    /** @type {HTMLInputElement[]} */
    this.cells = [];
    this.shape = [0, 0];
    /** @type {number | null} */
    this.brush = null;
    this.stroke = 0;
    this.grid = el("div", { class: "numbers", role: "group", "aria-label": "The sheet's numbers. Arrow keys move; type a number, or take a brush and press + − 0." });
    this.brushes = BRUSHES.map(([text, value, title]) => button(text, () => this.take(this.brush === value ? null : value), { title, "aria-label": title, "aria-pressed": "false" }));
    const size = el("select", { "aria-label": "Rows and columns", onchange: () => this.#ask({ size: Number(size.value) }) });
    this.size = size;
    this.hint = el("p", { class: "quiet" });
    this.node = el("div", { class: "editor" }, this.grid,
      el("div", { class: "row tools" }, el("span", { class: "quiet", text: "paint" }), ...this.brushes, size), this.hint,
      el("div", { class: "row tools" }, ...CHANGES.map(([change, text, title]) => button(text, () => this.#ask({ change }), { title }))));
    this.#listen();
    this.take(null);
  }

  /** A sheet's numbers: cells stay where they are, so that a hand or a key goes on. @param {ArrayLike<number>} values @param {number} rows @param {number} columns */
  show(values, rows, columns) {
    if (this.stroke) return; // the hand is ahead
    this.numbers = Array.from(values);
    if (rows !== this.shape[0] || columns !== this.shape[1]) this.#build(rows, columns);
    this.#paint();
  }

  /** @param {number | null} brush */
  take(brush) {
    this.brush = brush;
    this.brushes.forEach((one, n) => one.setAttribute("aria-pressed", String(brush === BRUSHES[n][1])));
    this.grid.classList.toggle("painting", brush !== null);
    this.hint.textContent = brush === null ? "Type a number into a cell, or take a brush." : "Draw over the cells, or press + − 0. Put the brush away to type numbers.";
    for (const cell of this.cells) cell.readOnly = brush !== null;
  }

  /** @param {number} rows @param {number} columns */
  #build(rows, columns) {
    this.shape = [rows, columns];
    this.cells = this.numbers.map((_, n) => el("input", { type: "text", inputMode: "decimal", autocomplete: "off", readOnly: this.brush !== null, tabIndex: n ? -1 : 0, "aria-label": `row ${Math.floor(n / columns)}, column ${n % columns}`,
      onchange: () => this.#typed(n), onfocus: () => this.#focused(n) }));
    this.grid.style.gridTemplateColumns = `repeat(${columns}, minmax(0, 1fr))`;
    this.grid.style.maxWidth = `${columns * (columns > 5 ? 2.25 : 3)}rem`;
    this.grid.replaceChildren(...this.cells);
    const sizes = SIZES.includes(rows) && rows === columns ? SIZES : [0, ...SIZES];
    this.size.replaceChildren(...sizes.map((size) => el("option", { value: String(size), text: size ? `${size}×${size}` : `${rows}×${columns}`, selected: size === rows && rows === columns })));
  }

  #paint() {
    const limit = Math.max(...this.numbers.map(Math.abs)) || 1;
    this.cells.forEach((cell, n) => {
      const value = this.numbers[n];
      cell.style.background = colour(value, limit);
      cell.style.color = wordsOn(value, limit);
      cell.title = exact(value);
      if (cell !== document.activeElement || cell.readOnly || Number(plain(cell.value)) !== value) cell.value = short(value);
    });
  }

  /** One stop of the tab key for all cells. @param {number} n */
  #focused(n) {
    this.cells.forEach((cell, k) => (cell.tabIndex = k === n ? 0 : -1));
  }

  /** @param {number} n */
  #typed(n) {
    if (this.cells[n].value === short(this.numbers[n])) return;
    const typed = Number(plain(this.cells[n].value));
    if (this.cells[n].value.trim() === "" || !Number.isFinite(typed)) return void (this.cells[n].value = short(this.numbers[n]));
    this.#set(n, typed);
  }

  /** @param {number} n @param {number} value */
  #set(n, value, replace = false) {
    if (this.numbers[n] === value) return false;
    this.numbers[n] = value;
    this.#paint();
    this.go(this.text, { replace });
    return true;
  }

  /** The numbers as the library reads them. */
  get text() {
    const [rows, columns] = this.shape;
    return Array.from({ length: rows }, (_, y) => this.numbers.slice(y * columns, (y + 1) * columns).join(" ")).join("; ");
  }

  /** Let the library change the numbers. @param {{ change?: string, size?: number }} what */
  async #ask(what) {
    if (what.size === 0) return;
    try {
      const { sheet } = await ask("kernels/painted", { sheet: this.text, ...what });
      this.go(sheet);
    } catch (error) {
      this.lab.trouble(error);
    }
  }

  #listen() {
    const paint = (/** @type {PointerEvent} */ event) => {
      const n = this.cells.indexOf(/** @type {HTMLInputElement} */ (document.elementFromPoint(event.clientX, event.clientY)));
      // A stroke is one step back: its first cell makes a link, the others follow it.
      if (n >= 0 && this.brush !== null && this.#set(n, this.brush, this.stroke > 1)) this.stroke++;
    };
    const end = () => (this.stroke = 0);
    this.grid.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
      if (this.brush === null || event.button) return;
      event.preventDefault();
      this.grid.setPointerCapture(event.pointerId);
      this.stroke = 1;
      paint(event);
    });
    this.grid.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => this.stroke && paint(event));
    this.grid.addEventListener("pointerup", end);
    this.grid.addEventListener("pointercancel", end);
    this.grid.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this.#key(event));
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const n = this.cells.indexOf(/** @type {HTMLInputElement} */ (event.target));
    const cell = this.cells[n];
    if (!cell || event.ctrlKey || event.metaKey || event.altKey) return;
    const [, columns] = this.shape;
    const sideways = cell.readOnly || cell.selectionStart === cell.selectionEnd || cell.selectionEnd === cell.value.length;
    const step = { ArrowUp: -columns, ArrowDown: columns, ArrowLeft: sideways && n % columns ? -1 : 0, ArrowRight: sideways && (n + 1) % columns ? 1 : 0 }[event.key];
    if (step) {
      event.preventDefault();
      const next = this.cells[n + step];
      next?.focus();
      next?.select();
    } else if (this.brush !== null && "+-0 ".includes(event.key)) {
      event.preventDefault();
      this.#set(n, { "+": 1, "-": -1, "0": 0, " ": this.brush }[event.key] ?? 0);
    }
  }
}

/** A typed number as JavaScript reads it. @param {string} text */
const plain = (text) => text.replace(/[−–]/, "-").replace(",", ".");

/** Two digits after the point are enough for the eye; all of them are in the title. @param {number} value */
function short(value) {
  if (Number.isInteger(value) || Math.abs(value) >= 10) return number(value);
  return (Math.abs(value) < 0.005 ? "≈0" : value.toFixed(2)).replace("-", "−");
}
