/* The picture, tinted where few values of a layer see it; point at a pixel, or walk with the arrow keys, to be told. */

import { paintPicture } from "../film.js";
import { el, say } from "../parts.js";
import { count } from "../words.js";

const TINT = [230, 120, 0];
const STRONG = 200;

export class Border {
  constructor() {
    /** @type {import("../packed.js").Message | null} */
    this.came = null;
    this.at = [0, 0];
    this.picture = el("canvas", { class: "photo", "aria-hidden": "true", data: { name: "picture" } });
    this.tint = el("canvas", { class: "tint", "aria-hidden": "true" });
    this.mark = el("span", { class: "mark", hidden: true });
    this.words = el("p", { role: "status" });
    this.board = el("div", { class: "over", tabIndex: 0, role: "application", "aria-label": "The picture, tinted where few values see it. Arrow keys walk over its pixels." }, this.picture, this.tint, this.mark);
    this.scale = el("canvas", { "aria-hidden": "true" });
    this.ends = el("div", { class: "ends" });
    this.legend = el("div", { class: "legend" }, this.scale, this.ends, el("span", { text: "windows that see a pixel" }));
    this.node = el("div", { class: "stack" }, this.words, this.board, this.legend);
    this.#listen();
  }

  /** @param {import("../packed.js").Message} came */
  show(came) {
    this.came = came;
    const { picture, coverage } = came.arrays;
    const { values, shape } = coverage;
    paintPicture(this.picture, picture.values, /** @type {[number, number, number]} */ (picture.shape));
    const [least, most] = this.#ends;
    paintTint(this.tint, values, shape[0], shape[1], most);
    paintTint(this.scale, Array.from({ length: 64 }, (_, n) => least + ((most - least) * n) / 63), 1, 64, most);
    this.ends.replaceChildren(...[least, most].map((end) => el("span", { text: end.toLocaleString("en") })));
    this.legend.hidden = least === most;
    const { chosen, values: places } = came.head;
    this.words.textContent = least === most ? `Every pixel is seen by ${most === places ? "all" : most.toLocaleString("en")} of the ${count(places, "window")} of ${chosen}: nothing is at a disadvantage.`
      : `${chosen} has ${count(places, "window")}. A pixel well inside is seen by up to ${most.toLocaleString("en")} of them, one in the corner by ${values[0].toLocaleString("en")}.${least ? "" : " Some are seen by none: no window reaches them."}`;
    this.board.style.setProperty("--ratio", String(shape[1] / shape[0]));
    if (!this.mark.hidden) this.#tell([Math.min(this.at[0], shape[0] - 1), Math.min(this.at[1], shape[1] - 1)], this.event);
  }

  /** The fewest and the most values that see a pixel. */
  get #ends() {
    const { values } = /** @type {import("../packed.js").Message} */ (this.came).arrays.coverage;
    let [least, most] = [Infinity, 0];
    for (const value of values) [least, most] = [Math.min(least, value), Math.max(most, value)];
    return [least, most];
  }

  /** @param {number[] | null} at @param {PointerEvent} [event] */
  #tell(at, event) {
    this.mark.hidden = !at;
    this.event = event;
    if (!at || !this.came) return say("");
    const { values, shape } = this.came.arrays.coverage;
    this.at = at;
    Object.assign(this.mark.style, { top: `${(100 * at[0]) / shape[0]}%`, left: `${(100 * at[1]) / shape[1]}%`, height: `${100 / shape[0]}%`, width: `${100 / shape[1]}%` });
    const words = `row ${at[0]}, column ${at[1]}: seen by ${values[at[0] * shape[1] + at[1]].toLocaleString("en")} of ${this.#ends[1].toLocaleString("en")} windows that could`;
    if (event) return say(words, event);
    const box = this.mark.getBoundingClientRect();
    say(words, { clientX: box.right, clientY: box.bottom });
    this.board.setAttribute("aria-label", words);
  }

  #listen() {
    const { board } = this;
    board.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
      if (!this.came) return;
      const [rows, columns] = this.came.arrays.coverage.shape;
      const box = this.picture.getBoundingClientRect();
      const at = (/** @type {number} */ part, /** @type {number} */ n) => Math.max(0, Math.min(n - 1, Math.floor(part * n)));
      this.#tell([at((event.clientY - box.top) / box.height, rows), at((event.clientX - box.left) / box.width, columns)], event);
    });
    board.addEventListener("pointerleave", () => this.#tell(null));
    board.addEventListener("blur", () => this.#tell(null));
    board.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      const step = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
      if (!step || !this.came || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      const { shape } = this.came.arrays.coverage;
      this.#tell(this.at.map((one, axis) => Math.max(0, Math.min(shape[axis] - 1, one + step[axis]))));
    });
  }
}

/** Orange, the stronger the fewer. @param {HTMLCanvasElement} canvas @param {ArrayLike<number>} values @param {number} rows @param {number} columns @param {number} most */
function paintTint(canvas, values, rows, columns, most) {
  Object.assign(canvas, { width: columns, height: rows });
  const ink = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const image = ink.createImageData(columns, rows);
  for (let n = 0; n < rows * columns; n++) image.data.set([...TINT, most ? Math.round(STRONG * (1 - values[n] / most)) : 0], 4 * n);
  ink.putImageData(image, 0, 0);
}
