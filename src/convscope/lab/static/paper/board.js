/* The picture, with pieces of film on it that are moved by hand or with the arrow keys; and patches that are cut out of it. */

import { paintMap, paintPicture } from "../film.js";
import { el, say } from "../parts.js";
import { exact, number } from "../words.js";
import { MOST, placed, sideOf } from "./sheets.js";

/** @typedef {import("../packed.js").Message} Message */
/** @typedef {[number, number]} At  row, column */
/** @typedef {{ top: number, left: number, rows: number, columns: number }} Cut */
/** @typedef {{ pieces: { message: Message, at: At | null }[], chosen: number, over: boolean }} Shown */

const FAR = 5;
const PATCH = 7;

export class Board {
  /**
   * @param {object} how
   * @param {(n: number, at: At) => void} how.moved  a sheet was put down somewhere
   * @param {(n: number) => void} how.chose
   * @param {(cut: Cut | null) => void} how.cut  a patch was cut, or not after all
   * @param {(spot: At | null) => void} how.spot  the pixel under the pointer, or under the middle of the sheet that keys move
   */
  constructor(how) {
    this.how = how;
    /** @type {Shown | null} */
    this.shown = null;
    /** @type {At[]} */
    this.at = [];
    /** @type {Cut | null} */
    this.cutting = null;
    /** What the pointer holds: a sheet, or a corner of a patch. @type {{ n: number } | { corner: At } | null} */
    this.held = null;
    /** What was asked last, to be answered again when the sheet changes. @type {[At, PointerEvent | undefined] | null} */
    this.asked = null;
    this.picture = el("canvas", { class: "photo", data: { name: "picture" } });
    this.whole = el("canvas", { class: "whole", "aria-hidden": "true", hidden: true });
    this.whole.getContext("2d", { willReadFrequently: true });
    this.films = Array.from({ length: MOST + 1 }, () => el("canvas", { class: "filmsheet", "aria-hidden": "true", hidden: true }));
    this.frames = el("div", { class: "frames", "aria-hidden": "true" });
    this.window = el("span", { class: "mark window", hidden: true });
    this.patch = el("span", { class: "mark cut", hidden: true });
    this.words = el("p", { class: "unseen", role: "status" });
    this.node = el("div", { class: "over laid", tabIndex: 0, role: "application", "aria-label": "The picture, with a sheet of film on it. Arrow keys move the sheet, with Shift further." }, this.picture, this.whole, ...this.films, this.frames, this.window, this.patch);
    this.#listen();
  }

  /** @param {Shown} shown */
  show(shown) {
    this.shown = shown;
    const { picture } = shown.pieces[0].message.arrays;
    const [channels, rows, columns] = picture.shape;
    this.size = [rows, columns];
    paintPicture(this.picture, picture.values, [channels, rows, columns]);
    this.node.style.setProperty("--ratio", String(columns / rows));
    this.at = shown.pieces.map(({ at }, n) => placed(at, n, rows, columns));
    this.films.forEach((film, n) => (film.hidden = shown.over || n >= shown.pieces.length));
    shown.pieces.forEach((_, n) => this.#film(n));
    this.whole.hidden = !shown.over;
    if (shown.over) this.#over();
    this.#places();
    if (this.asked) this.#spot(...this.asked);
  }

  /** A sheet that is still held over the picture, or none. @param {Message | null} message @param {At} [at] */
  ghost(message, at = [0, 0]) {
    const film = this.films[MOST];
    film.hidden = !message;
    if (message) this.#piece(film, message, at);
    film.classList.add("chosen");
  }

  /** The pixel at a point of the window, or null beside the picture. @param {{ clientX: number, clientY: number }} event @returns {At | null} */
  under(event) {
    const box = this.picture.getBoundingClientRect();
    const [y, x] = [(event.clientY - box.top) / box.height, (event.clientX - box.left) / box.width];
    return y >= 0 && y < 1 && x >= 0 && x < 1 ? [Math.floor(y * this.size[0]), Math.floor(x * this.size[1])] : null;
  }

  /** Begin to cut a patch, or leave it. @param {boolean} on */
  cut(on) {
    const [rows, columns] = this.size;
    const [y, x] = this.at[this.shown?.chosen ?? 0] ?? [rows >> 1, columns >> 1];
    const side = Math.min(PATCH, rows, columns);
    this.cutting = on ? { top: Math.max(0, Math.min(rows - side, y - (side >> 1))), left: Math.max(0, Math.min(columns - side, x - (side >> 1))), rows: side, columns: side } : null;
    this.node.classList.toggle("cutting", on);
    this.#cutFrame();
    if (on) this.node.focus();
  }

  /** @type {At} */
  size = [1, 1];

  get chosen() {
    return this.shown?.pieces[this.shown.chosen] ?? null;
  }

  /** @param {number} n */
  #film(n) {
    const film = this.films[n];
    film.classList.toggle("chosen", n === this.shown?.chosen);
    if (this.shown) this.#piece(film, this.shown.pieces[n].message, this.at[n]);
  }

  /** Paint the part of a map that a piece of film lies on. @param {HTMLCanvasElement} film @param {Message} message @param {At} at */
  #piece(film, { head, arrays }, at) {
    const [rows, columns] = this.size;
    const [down, across] = arrays.map.shape;
    const side = Math.min(sideOf(rows, columns), rows, columns);
    const top = Math.max(0, Math.min(rows - side, at[0] - (side >> 1)));
    const left = Math.max(0, Math.min(columns - side, at[1] - (side >> 1)));
    const part = new Float32Array(side * side);
    for (let y = 0; y < side; y++)
      for (let x = 0; x < side; x++) {
        const [i, j] = [top + y - head.corner[0], left + x - head.corner[1]];
        if (i >= 0 && i < down && j >= 0 && j < across) part[y * side + x] = arrays.map.values[i * across + j];
      }
    paintMap(film, part, side, side, head.limit);
    this.#lay(film, { top, left, rows: side, columns: side });
  }

  /** The chosen sheet over all of the picture, which is seen through it where nothing matches. */
  #over() {
    const { head, arrays } = /** @type {{ message: Message }} */ (this.chosen).message;
    const [down, across] = arrays.map.shape;
    paintMap(this.whole, arrays.map.values, down, across, head.limit);
    const ink = /** @type {CanvasRenderingContext2D} */ (this.whole.getContext("2d"));
    const image = ink.getImageData(0, 0, across, down);
    for (let n = 0; n < down * across; n++) image.data[4 * n + 3] = 110 + Math.min(145, (145 * 2 * Math.abs(arrays.map.values[n])) / head.limit);
    ink.putImageData(image, 0, 0);
    this.#lay(this.whole, { top: head.corner[0], left: head.corner[1], rows: down, columns: across });
  }

  /** Where the chosen sheet fits best, as frames of its size. */
  #places() {
    const { head, arrays } = /** @type {{ message: Message }} */ (this.chosen).message;
    const [, high, wide] = arrays.kernel.shape;
    this.frames.replaceChildren(...head.places.map((/** @type {[number, number, number]} */ [y, x], /** @type {number} */ n) => {
      const frame = el("span", { class: n ? "mark" : "mark best" }, el("b", { text: String(n + 1) }));
      return this.#lay(frame, { top: y - ((high - 1) >> 1), left: x - ((wide - 1) >> 1), rows: high, columns: wide });
    }));
  }

  /** @template {HTMLElement} T @param {T} node @param {Cut} where @returns {T} */
  #lay(node, { top, left, rows, columns }) {
    const [high, wide] = this.size;
    Object.assign(node.style, { top: `${(100 * top) / high}%`, left: `${(100 * left) / wide}%`, height: `${(100 * rows) / high}%`, width: `${(100 * columns) / wide}%` });
    return node;
  }

  /** The pixel that is asked about: its window on the picture, its number in words. @param {At | null} spot @param {PointerEvent} [event] */
  #spot(spot, event) {
    const message = this.chosen?.message;
    this.asked = spot ? /** @type {[At, PointerEvent | undefined]} */ ([spot, event]) : null;
    this.window.hidden = !spot || !message;
    this.how.spot(spot);
    if (!spot || !message) return say("");
    const [, high, wide] = message.arrays.kernel.shape;
    this.#lay(this.window, { top: spot[0] - ((high - 1) >> 1), left: spot[1] - ((wide - 1) >> 1), rows: high, columns: wide });
    const value = valueAt(message, spot);
    const words = `row ${spot[0]}, column ${spot[1]}: ${value === null ? "the patch does not fit here" : number(value)}`;
    if (event) say(value === null ? words : `${words} (${exact(value)})`, event);
    else this.words.textContent = words;
  }

  /** @param {number} n @param {At} at */
  #move(n, at) {
    this.at[n] = placed(at, n, ...this.size);
    this.#film(n);
  }

  /** The topmost sheet at a pixel, or none. @param {At} at */
  #sheetAt([y, x]) {
    const order = [this.shown?.chosen ?? 0, ...this.at.keys()];
    const [rows, columns] = this.size;
    const side = Math.min(sideOf(rows, columns), rows, columns);
    const corner = (/** @type {number} */ middle, /** @type {number} */ size) => Math.max(0, Math.min(size - side, middle - (side >> 1)));
    return order.find((n) => {
      const [top, left] = [corner(this.at[n][0], rows), corner(this.at[n][1], columns)];
      return y >= top && y < top + side && x >= left && x < left + side;
    });
  }

  #listen() {
    const { node } = this;
    node.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
      const at = this.under(event);
      if (!at || !this.shown || event.button) return;
      node.setPointerCapture(event.pointerId);
      if (this.cutting) return void (this.held = { corner: at });
      if (this.shown.over) return;
      const n = this.#sheetAt(at) ?? this.shown.chosen;
      this.grip = this.#sheetAt(at) === undefined ? [0, 0] : [this.at[n][0] - at[0], this.at[n][1] - at[1]];
      this.held = { n };
      node.classList.add("holding");
      this.#move(n, [at[0] + this.grip[0], at[1] + this.grip[1]]);
    });
    node.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
      const at = this.#within(event);
      if (this.held && "corner" in this.held) return this.#drawn(this.held.corner, at);
      if (this.cutting) return;
      if (this.held) this.#move(this.held.n, [at[0] + this.grip[0], at[1] + this.grip[1]]);
      this.#spot(at, event);
    });
    node.addEventListener("pointerup", () => this.#drop());
    node.addEventListener("pointercancel", () => this.#drop());
    node.addEventListener("pointerleave", () => this.#spot(null));
    node.addEventListener("blur", () => this.#spot(null));
    node.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this.#key(event));
  }

  /** Where the hand took hold, seen from the sheet's middle. @type {At} */
  grip = [0, 0];

  #drop() {
    const { held } = this;
    this.held = null;
    this.node.classList.remove("holding");
    if (!held) return;
    if ("corner" in held) return this.cutting && this.how.cut(this.cutting);
    if (held.n !== this.shown?.chosen) this.how.chose(held.n);
    this.how.moved(held.n, this.at[held.n]);
  }

  /** The pixel nearest to the pointer. @param {PointerEvent} event @returns {At} */
  #within(event) {
    const box = this.picture.getBoundingClientRect();
    const along = (/** @type {number} */ part, /** @type {number} */ size) => Math.max(0, Math.min(size - 1, Math.floor(part * size)));
    return [along((event.clientY - box.top) / box.height, this.size[0]), along((event.clientX - box.left) / box.width, this.size[1])];
  }

  /** @param {At} a @param {At} b */
  #drawn(a, b) {
    const [rows, columns] = this.size;
    const [high, wide] = [Math.max(2, Math.abs(a[0] - b[0]) + 1), Math.max(2, Math.abs(a[1] - b[1]) + 1)];
    this.cutting = { top: Math.min(a[0], b[0], rows - high), left: Math.min(a[1], b[1], columns - wide), rows: high, columns: wide };
    this.#cutFrame();
  }

  #cutFrame() {
    this.patch.hidden = !this.cutting;
    this.window.hidden = true;
    if (!this.cutting) return;
    this.#lay(this.patch, this.cutting);
    const { top, left, rows, columns } = this.cutting;
    this.words.textContent = `a patch of ${rows} by ${columns} at row ${top}, column ${left}`;
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (!this.shown || event.ctrlKey || event.metaKey || event.altKey) return;
    if (this.cutting && (event.key === "Enter" || event.key === "Escape")) {
      event.preventDefault();
      return this.how.cut(event.key === "Enter" ? this.cutting : null);
    }
    const step = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
    if (!step) return;
    event.preventDefault();
    if (this.cutting) return this.#cutBy(step, event.shiftKey);
    const n = this.shown.chosen;
    const far = event.shiftKey ? FAR : 1;
    this.#move(n, [this.at[n][0] + far * step[0], this.at[n][1] + far * step[1]]);
    this.#spot(this.at[n]);
    this.how.moved(n, this.at[n]);
  }

  /** Move the patch, or make it larger and smaller. @param {number[]} step @param {boolean} size */
  #cutBy([down, across], size) {
    const [rows, columns] = this.size;
    const cut = /** @type {Cut} */ (this.cutting);
    const within = (/** @type {number} */ value, /** @type {number} */ least, /** @type {number} */ most) => Math.max(least, Math.min(most, value));
    if (size) Object.assign(cut, { rows: within(cut.rows + down, 2, Math.min(63, rows - cut.top)), columns: within(cut.columns + across, 2, Math.min(63, columns - cut.left)) });
    else Object.assign(cut, { top: within(cut.top + down, 0, rows - cut.rows), left: within(cut.left + across, 0, columns - cut.columns) });
    this.#cutFrame();
  }
}

/** A map's number at a pixel of the picture; null where there is none. @param {Message} message @param {At} at */
export function valueAt({ head, arrays }, [row, column]) {
  const [i, j] = [row - head.corner[0], column - head.corner[1]];
  const [down, across] = arrays.map.shape;
  return i >= 0 && i < down && j >= 0 && j < across ? arrays.map.values[i * across + j] : null;
}
