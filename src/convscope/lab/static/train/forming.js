/* The first kernels while they form: a slider over the kept epochs, from noise to what was learned, on one scale. */

import { legend, paintMaps } from "../film.js";
import { button, el, figure, still } from "../parts.js";
import { count } from "../words.js";

const FRAME = 350;
const ROOM = 384;

export class Forming {
  /** @param {string} title */
  constructor(title = "First kernels, forming") {
    this.title = title;
    /** @type {import("../packed.js").Message | null} */
    this.message = null;
    /** The frame that is shown, or null: the newest. @type {number | null} */
    this.frame = null;
    this.timer = 0;
    this.canvas = el("canvas", { class: "film" });
    this.said = el("output", { class: "quiet" });
    this.range = el("input", { type: "range", min: 0, step: 1, "aria-label": "Epoch of the kernels", oninput: () => (this.#pause(), this.#choose(Number(this.range.value))) });
    this.play = button("Play", () => this.#play(), { "aria-label": "Play the epochs" });
    this.scale = el("div");
    this.node = el("section", { class: "forming", "aria-label": title });
    this.empty();
  }

  /** @param {string} [why] */
  empty(why = "The kernels appear here as soon as the training has begun. They begin as noise.") {
    this.node.replaceChildren(el("h3", { text: this.title }), el("p", { class: "empty", text: why }));
  }

  /** @param {import("../packed.js").Message} message */
  show(message) {
    const { head } = message;
    if (!head.epochs.length) return this.empty("This network has no convolution, so it has no kernels to show.");
    const fresh = !this.message;
    this.message = message;
    if (fresh) {
      const picture = figure(this.canvas, `kernels of ${head.layer}`);
      this.node.replaceChildren(el("h3", { text: this.title }), picture, el("div", { class: "row" }, this.play, this.range, this.said), this.scale);
    }
    this.range.max = String(head.epochs.length - 1);
    /** @type {HTMLElement} */ (this.range.parentElement).hidden = head.epochs.length < 2;
    this.paint();
  }

  leave() {
    this.#pause();
  }

  paint() {
    if (!this.message) return;
    const { head, arrays } = this.message;
    const at = this.frame ?? head.epochs.length - 1;
    this.range.value = String(at);
    const epoch = head.epochs[at];
    const shown = (arrays.kernels ?? arrays.colours).shape[1];
    const words = `epoch ${epoch}${epoch === 0 ? ", the random start" : ""}`;
    this.said.textContent = words;
    this.range.setAttribute("aria-valuetext", words);
    const [rows, columns] = (arrays.kernels ?? arrays.colours).shape.slice(-2);
    const across = Math.min(shown, shown > 12 ? 8 : 6);
    if (arrays.kernels) {
      const one = shown * rows * columns;
      paintMaps(this.canvas, /** @type {any} */ (arrays.kernels.values).subarray(at * one, (at + 1) * one), [shown, rows, columns], head.limit, across, 1);
    } else paintColours(this.canvas, arrays.colours, at, across);
    const side = Math.floor(Math.min(ROOM / this.canvas.width, 14));
    this.canvas.style.width = `${this.canvas.width * Math.max(2, side)}px`;
    this.canvas.setAttribute("aria-label", `${shown} of ${count(head.units, "kernel")} of ${head.layer}, ${rows}×${columns}, after ${words}`);
    this.scale.replaceChildren(
      el("p", { class: "quiet", text: `${head.layer}: ${shown < head.units ? `${shown} of ${head.units}` : head.units} kernels of ${rows}×${columns}${arrays.colours ? ", over red, green and blue: grey is zero" : ""}` }),
      arrays.kernels ? legend(head.limit, "a kernel's numbers, the same scale in all epochs") : "");
  }

  /** @param {number} frame */
  #choose(frame) {
    const last = (this.message?.head.epochs.length ?? 1) - 1;
    this.frame = frame >= last ? null : frame;
    this.paint();
  }

  #play() {
    if (this.timer) return this.#pause();
    const last = (this.message?.head.epochs.length ?? 1) - 1;
    let frame = this.frame ?? 0;
    if (this.frame === null) this.#choose(0);
    this.play.textContent = "Pause";
    this.timer = setInterval(() => {
      frame += 1;
      this.#choose(frame);
      if (frame >= last) this.#pause();
    }, still() ? 4 * FRAME : FRAME);
  }

  #pause() {
    clearInterval(this.timer);
    this.timer = 0;
    this.play.textContent = "Play";
  }
}

/** Kernels over red, green and blue, as the library coloured them. @param {HTMLCanvasElement} canvas @param {{ shape: number[], values: ArrayLike<number> }} colours @param {number} frame @param {number} across */
export function paintColours(canvas, { shape, values }, frame, across) {
  const [, units, , rows, columns] = shape;
  canvas.width = across * (columns + 1) - 1;
  canvas.height = Math.ceil(units / across) * (rows + 1) - 1;
  const ink = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const image = ink.createImageData(canvas.width, canvas.height);
  const size = rows * columns;
  for (let unit = 0; unit < units; unit++)
    for (let n = 0; n < size; n++) {
      const y = Math.floor(unit / across) * (rows + 1) + Math.floor(n / columns);
      const x = (unit % across) * (columns + 1) + (n % columns);
      for (let c = 0; c < 3; c++) image.data[4 * (y * canvas.width + x) + c] = values[((frame * units + unit) * 3 + c) * size + n];
      image.data[4 * (y * canvas.width + x) + 3] = 255;
    }
  ink.putImageData(image, 0, 0);
}
