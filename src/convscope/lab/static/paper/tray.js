/* The tray of sheets: a click takes one, a drag lays it on the picture beside the others. */

import { ask } from "../api.js";
import { paintMap } from "../film.js";
import { button, el } from "../parts.js";

const SIZES = [3, 5, 7];
const FAR = 6;

/** @typedef {{ name: string, about: string, least: number | null, whole: boolean, odd: boolean, default: number | null }} Knob */
/** @typedef {{ name: string, about: string, usage: string, rows: number[][], knobs: Knob[] }} Classic */

export class Tray {
  /**
   * @param {import("../lab.js").Lab} lab
   * @param {object} how
   * @param {(sheet: string) => void} how.take
   * @param {(sheet: string) => void} how.blank  a sheet to be painted
   * @param {() => void} how.ready  the classics are there
   * @param {(sheet: string, event: PointerEvent | null, done: boolean) => void} how.drag  held over the page, let go (done), or given up (null)
   */
  constructor(lab, how) {
    this.lab = lab;
    this.how = how;
    /** @type {Classic[]} */
    this.classics = [];
    /** Which net the learned sheets are of. */
    this.net = "";
    this.chosen = "";
    this.held = el("canvas", { class: "film held", hidden: true, "aria-hidden": "true" });
    this.classic = el("div", { class: "sheets" });
    this.learned = el("div", { class: "sheets" });
    this.title = el("h3", { text: "Learned" });
    const blank = (/** @type {number} */ size) => button(`${size}×${size}`, () => how.blank(one(size)), { title: "A sheet of your own, to be painted" });
    this.node = el("section", { class: "tray", "aria-label": "The tray of sheets" },
      el("div", { class: "group" }, el("h3", { text: "Classic" }), this.classic),
      el("div", { class: "group" }, this.title, this.learned),
      el("div", { class: "group" }, el("h3", { text: "Your own" }), el("div", { class: "row" }, ...SIZES.map(blank))), this.held);
    this.#classics();
  }

  async #classics() {
    try {
      this.classics = await ask("kernels");
      this.classic.replaceChildren(...this.classics.map(({ name, about, rows }) => this.#tile(name, about, rows.flat(), rows.length, rows[0].length)));
      this.how.ready();
      this.choose(this.chosen);
    } catch (error) {
      this.lab.trouble(error);
    }
  }

  /** The net's own sheets, where it is another net than before. */
  async fill() {
    const net = JSON.stringify([this.lab.place.run, this.lab.net()]);
    if (net === this.net) return;
    this.net = net;
    try {
      const { head, arrays } = await ask(this.lab.path("sheets"), this.lab.net());
      if (net !== this.net) return;
      const { values, shape } = arrays.kernels;
      const [count, channels, rows, columns] = shape;
      const size = channels * rows * columns;
      this.title.textContent = `Learned, ${head.layer}`;
      this.learned.replaceChildren(...Array.from({ length: count }, (_, k) => this.#tile(`${head.layer}/${k}`, head.says[k], values.subarray(k * size, (k + 1) * size), rows, columns, channels, head.limits[k])));
      this.choose(this.chosen);
    } catch (error) {
      this.net = "";
      this.lab.trouble(error);
    }
  }

  /** Paint all again, in the colours of the theme. */
  repaint() {
    this.net = "";
    this.#classics();
    this.fill();
  }

  /** @param {string} sheet @param {string} about @param {ArrayLike<number>} values @param {number} rows @param {number} columns @param {number} [channels] @param {number} [limit] */
  #tile(sheet, about, values, rows, columns, channels = 1, limit = Math.max(...Array.from(values, Math.abs)) || 1) {
    const canvases = Array.from({ length: Math.min(3, channels) }, (_, c) => {
      const canvas = el("canvas", { class: "film", "aria-hidden": "true", data: { name: `sheet ${sheet}` } });
      paintMap(canvas, values, rows, columns, limit, c * rows * columns);
      return canvas;
    });
    const tile = el("button", { type: "button", class: "sheettile", title: about, data: { sheet }, "aria-pressed": "false" }, el("span", { class: channels > 1 ? "kernel several" : "kernel" }, ...canvases), el("span", { text: sheet }));
    this.#handle(tile, sheet, canvases[0]);
    return tile;
  }

  /** A click takes the sheet, a drag carries it. @param {HTMLElement} tile @param {string} sheet @param {HTMLCanvasElement} film */
  #handle(tile, sheet, film) {
    /** @type {{ x: number, y: number } | null} */
    let from = null;
    let carried = false;
    tile.addEventListener("pointerdown", (event) => {
      if (event.button || event.pointerType === "touch") return; // a finger scrolls the tray
      tile.setPointerCapture(event.pointerId);
      from = { x: event.clientX, y: event.clientY };
      carried = false;
    });
    tile.addEventListener("pointermove", (event) => {
      if (!from || (!carried && Math.hypot(event.clientX - from.x, event.clientY - from.y) < FAR)) return;
      if (!carried) {
        carried = true;
        this.#hold(film);
      }
      Object.assign(this.held.style, { left: `${event.clientX}px`, top: `${event.clientY}px` });
      this.how.drag(sheet, event, false);
    });
    const end = (/** @type {PointerEvent | null} */ event) => {
      if (carried) this.how.drag(sheet, event, true);
      this.held.hidden = true;
      from = null;
    };
    tile.addEventListener("pointerup", end);
    tile.addEventListener("pointercancel", () => end(null));
    tile.addEventListener("click", () => {
      if (!carried) this.how.take(sheet);
      carried = false;
    });
  }

  /** @param {HTMLCanvasElement} film */
  #hold(film) {
    Object.assign(this.held, { width: film.width, height: film.height, hidden: false });
    this.held.getContext("2d").drawImage(film, 0, 0);
  }

  /** Show that what is held lies on the picture now, or that it does not. @param {boolean} on */
  laid(on) {
    this.held.classList.toggle("laid", on);
  }

  /** Mark the sheet that is chosen. @param {string} sheet */
  choose(sheet) {
    this.chosen = sheet;
    const name = sheet.split("(")[0];
    for (const tile of /** @type {NodeListOf<HTMLElement>} */ (this.node.querySelectorAll("[data-sheet]"))) {
      const chosen = tile.dataset.sheet === name;
      tile.setAttribute("aria-pressed", String(chosen));
      if (chosen) inView(/** @type {HTMLElement} */ (tile.parentElement), tile);
    }
  }
}

/** Scroll a box, and nothing around it, so that something in it is seen. @param {HTMLElement} box @param {HTMLElement} inside */
function inView(box, inside) {
  const [outer, inner] = [box.getBoundingClientRect(), inside.getBoundingClientRect()];
  const over = (/** @type {number} */ before, /** @type {number} */ after) => (before < 0 ? before : after > 0 ? after : 0);
  box.scrollLeft += over(inner.left - outer.left, inner.right - outer.right);
  box.scrollTop += over(inner.top - outer.top, inner.bottom - outer.bottom);
}

/** A blank sheet with a one in the middle, which gives the picture itself: something to begin with. @param {number} size */
const one = (size) => Array.from({ length: size }, (_, y) => Array.from({ length: size }, (_, x) => (y === size >> 1 && x === size >> 1 ? 1 : 0)).join(" ")).join("; ");
