/* All maps of a layer on one canvas, a pixel a number: point at one, walk through them with the arrow keys, pick one. */

import { paintMaps } from "./film.js";
import { el, say } from "./parts.js";
import { exact, number } from "./words.js";

/** @typedef {{ name: string, units: number, shown: number, size: [number, number], limit: number }} Told */
/** @typedef {{ unit: number, row: number, column: number }} Spot */

/** Numbers between two maps: some four CSS pixels. @param {[number, number]} size @param {number} scale */
export const gapOf = ([rows, columns], scale) => (rows * columns === 1 ? 0 : Math.max(1, Math.round(4 / scale)));

export class LayerSheet {
  /**
   * @param {Told} told
   * @param {object} how
   * @param {number} how.scale   CSS pixels a number
   * @param {number} how.across  maps in a row
   * @param {boolean} [how.live]  can be pointed at and walked through
   * @param {(spot: Spot | null) => void} [how.hover]
   * @param {(unit: number) => void} [how.pick]
   */
  constructor(told, { scale, across, live = false, hover = () => {}, pick = () => {} }) {
    this.told = told;
    this.across = Math.max(1, Math.min(across, told.shown));
    this.gap = gapOf(told.size, scale);
    /** @type {ArrayLike<number>} */
    this.values = [];
    this.unit = 0;
    this.hover = hover;
    const [rows, columns] = told.size;
    const width = this.across * (columns + this.gap) - this.gap;
    const height = Math.ceil(told.shown / this.across) * (rows + this.gap) - this.gap;
    this.canvas = el("canvas", { class: "sheet", width, height });
    this.canvas.style.width = `${width * scale}px`;
    this.canvas.style.height = `${height * scale}px`;
    this.mark = el("span", { class: "mark", hidden: true });
    this.node = el("div", { class: "layersheet" }, this.canvas, this.mark);
    this.scale = scale;
    if (live) this.#listen(pick);
    else this.canvas.setAttribute("aria-hidden", "true");
  }

  /** @param {ArrayLike<number>} values */
  show(values) {
    this.values = values;
    const { shown, size, limit } = this.told;
    paintMaps(this.canvas, values, [shown, size[0], size[1]], limit, this.across, this.gap);
  }

  /** Mark a unit, or none. @param {number | null} unit */
  point(unit) {
    this.mark.hidden = unit === null || unit >= this.told.shown;
    if (unit === null || this.mark.hidden) return;
    const [rows, columns] = this.told.size;
    const { style } = this.mark;
    style.left = `${(unit % this.across) * (columns + this.gap) * this.scale}px`;
    style.top = `${Math.floor(unit / this.across) * (rows + this.gap) * this.scale}px`;
    style.width = `${columns * this.scale}px`;
    style.height = `${rows * this.scale}px`;
  }

  /** The number at a spot. @param {Spot} spot */
  value({ unit, row, column }) {
    const [rows, columns] = this.told.size;
    return this.values[(unit * rows + row) * columns + column];
  }

  /** @param {PointerEvent | MouseEvent} event @returns {Spot | null} */
  spot(event) {
    const box = this.canvas.getBoundingClientRect();
    const [rows, columns] = this.told.size;
    const x = Math.floor(((event.clientX - box.left) / box.width) * this.canvas.width);
    const y = Math.floor(((event.clientY - box.top) / box.height) * this.canvas.height);
    const [across, down] = [Math.floor(x / (columns + this.gap)), Math.floor(y / (rows + this.gap))];
    const [column, row] = [x - across * (columns + this.gap), y - down * (rows + this.gap)];
    const unit = down * this.across + across;
    const inside = across < this.across && unit >= 0 && unit < this.told.shown && row >= 0 && row < rows && column >= 0 && column < columns;
    return inside ? { unit, row, column } : null;
  }

  /** @param {(unit: number) => void} pick */
  #listen(pick) {
    const { canvas, told } = this;
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `${told.name}: ${told.shown} of ${told.units} units. Arrow keys walk through them, Enter opens a unit's card.`);
    canvas.style.cursor = "pointer";
    const tell = (/** @type {Spot | null} */ spot, /** @type {PointerEvent | null} */ event) => {
      this.point(spot ? spot.unit : null);
      this.hover(spot);
      if (!spot || !event) return say("");
      const value = this.value(spot);
      say(value === undefined ? `${told.name}/${spot.unit}` : `${told.name}/${spot.unit} at ${spot.row}, ${spot.column}: ${number(value)} (${exact(value)})`, event);
    };
    canvas.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => tell(this.spot(event), event));
    canvas.addEventListener("pointerleave", () => tell(null, null));
    canvas.addEventListener("click", (/** @type {MouseEvent} */ event) => {
      const spot = this.spot(event);
      if (spot) pick(spot.unit);
    });
    const walk = () => {
      const [rows, columns] = told.size;
      tell({ unit: this.unit, row: rows >> 1, column: columns >> 1 }, null);
      canvas.setAttribute("aria-label", `${told.name}/${this.unit}, ${this.unit + 1} of ${told.shown}`);
    };
    canvas.addEventListener("focus", () => canvas.matches(":focus-visible") && walk());
    canvas.addEventListener("blur", () => tell(null, null));
    canvas.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: this.across, ArrowUp: -this.across }[event.key];
      if (event.key === "Enter") return pick(this.unit);
      if (step === undefined) return;
      event.preventDefault();
      this.unit = Math.max(0, Math.min(told.shown - 1, this.unit + step));
      walk();
    });
  }
}
