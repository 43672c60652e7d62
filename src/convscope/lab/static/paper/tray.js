/* The tray of sheets, and the editor in which one is painted. */

import { ask } from "../api.js";
import { colour, paintMap, wordsOn } from "../film.js";
import { button, el } from "../parts.js";
import { exact, number } from "../words.js";

const LARGEST = 9;
const SIZES = [3, 5, 7];

/** @typedef {{ name: string, about: string, usage: string, rows: number[][], knobs: { name: string, about: string, least: number | null, whole: boolean, odd: boolean, default: number | null }[] }} Classic */

export class Tray {
  /** @param {import("../lab.js").Lab} lab @param {(sheet: string) => void} pick */
  constructor(lab, pick) {
    this.lab = lab;
    this.pick = pick;
    /** @type {Classic[]} */
    this.classics = [];
    this.brush = 1;
    this.classic = el("div", { class: "sheets" });
    this.learned = el("div", { class: "sheets" });
    const blank = (/** @type {number} */ size) => button(`${size}×${size}`, () => pick(Array(size).fill(Array(size).fill(0).join(" ")).join("; ").replace("0", "1")), { title: "A sheet of your own, to be painted" });
    this.node = el("section", { class: "tray", "aria-label": "The tray of sheets" }, el("h3", { text: "Classic" }), this.classic,
      el("h3", { text: "Learned" }), this.learned, el("h3", { text: "Painted by you" }), el("div", { class: "row" }, ...SIZES.map(blank)));
    this.#fill();
  }

  async #fill() {
    try {
      const [classics, learned] = await Promise.all([ask("kernels"), ask(this.lab.path("sheets"), this.lab.net())]);
      this.classics = classics;
      this.classic.replaceChildren(...this.classics.map(({ name, about, rows }) => this.#tile(name, name, about, rows.flat(), rows.length, rows[0].length)));
      const { values, shape } = learned.arrays.kernels;
      const [count, channels, rows, columns] = shape;
      const size = channels * rows * columns;
      this.learned.replaceChildren(...Array.from({ length: count }, (_, k) => {
        const unit = `${learned.head.layer}/${k}`;
        return this.#tile(unit, unit, learned.head.says[k] || "learned by the network", Array.from(values.slice(k * size, k * size + rows * columns)), rows, columns);
      }));
      this.choose(this.chosen ?? "");
    } catch (error) {
      this.lab.trouble(error);
    }
  }

  /** @param {string} sheet @param {string} name @param {string} about @param {number[]} values @param {number} rows @param {number} columns */
  #tile(sheet, name, about, values, rows, columns) {
    const canvas = el("canvas", { class: "film", "aria-hidden": "true" });
    paintMap(canvas, values, rows, columns, Math.max(...values.map(Math.abs)) || 1);
    return el("button", { type: "button", class: "sheettile", title: about, data: { sheet }, onclick: () => this.pick(sheet) }, canvas, el("span", { text: name }));
  }

  /** Mark the sheet that is laid. @param {string} sheet */
  choose(sheet) {
    this.chosen = sheet;
    const name = sheet.split("(")[0];
    for (const tile of this.node.querySelectorAll("[data-sheet]")) tile.setAttribute("aria-pressed", String(/** @type {HTMLElement} */ (tile).dataset.sheet === name));
  }

  /**
   * A kernel's numbers, to be changed: what is changed becomes a painted sheet.
   * @param {import("../packed.js").Values} kernel @param {any} head @param {(sheet: string) => void} go
   */
  editor({ values, shape }, head, go) {
    const [channels, rows, columns] = shape;
    const limit = head.kernel_limit;
    if (channels > 1 || rows > LARGEST || columns > LARGEST || head.kind === "patch") return this.#plain(values, shape, limit);
    const numbers = Array.from(values);
    const grid = el("div", { class: "numbers", role: "group", "aria-label": "The kernel's numbers; change one to paint a sheet of your own" });
    grid.style.gridTemplateColumns = `repeat(${columns}, minmax(0, 1fr))`;
    const send = () => go(Array.from({ length: rows }, (_, y) => numbers.slice(y * columns, (y + 1) * columns).join(" ")).join("; "));
    const set = (/** @type {number} */ n, /** @type {number} */ value) => {
      numbers[n] = value;
      this.#colour(cells[n], value, Math.max(...numbers.map(Math.abs)) || 1);
      cells[n].value = String(value);
    };
    const cells = numbers.map((value, n) => {
      const cell = el("input", { type: "text", inputMode: "decimal", value: short(value), title: exact(value), "aria-label": `row ${Math.floor(n / columns)}, column ${n % columns}` });
      this.#colour(cell, value, limit);
      cell.addEventListener("change", () => {
        const typed = Number(cell.value.replace("−", "-").replace(",", "."));
        if (!Number.isFinite(typed)) return void (cell.value = short(numbers[n]));
        set(n, typed);
        send();
      });
      cell.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
        const step = { ArrowUp: -columns, ArrowDown: columns }[event.key];
        if (step) cells[n + step]?.focus();
      });
      return cell;
    });
    grid.append(...cells);
    const knobs = this.#knobs(head.sheet, go);
    return el("div", { class: "stack" }, grid, this.#brushes(grid, cells, set, send), knobs);
  }

  /** Brushes: press and draw over the cells. @param {HTMLElement} grid @param {HTMLInputElement[]} cells @param {(n: number, value: number) => void} set @param {() => void} send */
  #brushes(grid, cells, set, send) {
    const row = el("div", { class: "row brushes" }, el("span", { class: "quiet", text: "paint" }));
    let on = false;
    /** @type {number | null} */
    let brush = null;
    for (const value of [1, 0, -1]) {
      const one = button(value > 0 ? "+1" : value < 0 ? "−1" : "0", () => {
        brush = brush === value ? null : value;
        for (const other of row.querySelectorAll("button")) other.setAttribute("aria-pressed", String(other === one && brush !== null));
        grid.classList.toggle("painting", brush !== null);
      }, { "aria-pressed": "false" });
      row.append(one);
    }
    const paint = (/** @type {PointerEvent} */ event) => {
      const n = cells.indexOf(/** @type {HTMLInputElement} */ (document.elementFromPoint(event.clientX, event.clientY)));
      if (n >= 0 && brush !== null) set(n, brush);
    };
    grid.addEventListener("pointerdown", (event) => {
      if (brush === null) return;
      event.preventDefault();
      on = true;
      paint(event);
    });
    grid.addEventListener("pointermove", (event) => on && paint(event));
    addEventListener("pointerup", () => {
      if (on) send();
      on = false;
    }, { once: false, signal: this.#fresh() });
    return row;
  }

  /** A signal that ends the former editor's listeners. */
  #fresh() {
    this.former?.abort();
    this.former = new AbortController();
    return this.former.signal;
  }

  /** The knobs of a classic kernel. @param {string} sheet @param {(sheet: string) => void} go */
  #knobs(sheet, go) {
    const [name, rest = ""] = sheet.split(/[()]/);
    const classic = this.classics.find((one) => one.name === name);
    if (!classic?.knobs.length) return null;
    const said = Object.fromEntries(rest.split(",").map((part, n) => {
      const [key, value] = part.includes("=") ? part.split("=") : [classic.knobs[n]?.name ?? "", part];
      return [key.trim(), value?.trim()];
    }).filter(([, value]) => value));
    const fields = classic.knobs.map((knob) => {
      const input = el("input", { type: "number", value: said[knob.name] ?? knob.default ?? "", step: knob.odd ? 2 : knob.whole ? 1 : "any", min: knob.least ?? "" });
      input.addEventListener("change", () => {
        const all = { ...said, [knob.name]: input.value };
        const text = Object.entries(all).filter(([, value]) => value !== "").map(([key, value]) => `${key}=${value}`).join(", ");
        go(text ? `${name}(${text})` : name);
      });
      return el("label", { class: "field", title: knob.about }, knob.name, input);
    });
    return el("div", { class: "row knobs" }, ...fields);
  }

  /** A kernel that is only looked at. @param {ArrayLike<number>} values @param {number[]} shape @param {number} limit */
  #plain(values, [channels, rows, columns], limit) {
    const canvases = Array.from({ length: Math.min(channels, 3) }, (_, c) => {
      const canvas = el("canvas", { class: "film", role: "img", "aria-label": `Channel ${c} of the sheet` });
      paintMap(canvas, values, rows, columns, limit, c * rows * columns);
      return canvas;
    });
    return el("div", { class: "slices" }, ...canvases);
  }

  /** @param {HTMLElement} cell @param {number} value @param {number} limit */
  #colour(cell, value, limit) {
    cell.style.background = colour(value, limit);
    cell.style.color = wordsOn(value, limit);
  }
}

/** @param {number} value */
const short = (value) => (Math.abs(value) >= 0.01 && Math.abs(value) < 10 && !Number.isInteger(value) ? value.toFixed(2).replace("-", "−") : number(value));
