/* The two boards that one moves on: what is below with the sheet on it, and the map with the place that is computed. */

import { colour, paintMap } from "../film.js";
import { el, still } from "../parts.js";
import { Cells, WIDE, filmCell, hatch } from "./cells.js";
import { corner, extent, middle, placeUnder, within } from "./places.js";

/** @typedef {import("./places.js").At} At */
/** @typedef {import("./scene.js").Scene} Scene */
/** @typedef {(at: At | null) => void} Move  to a place; null: the hand lets go */

const FINE = 8;

/** Follow a pointer that is held down. @param {HTMLElement} node @param {(y: number, x: number, how: "down" | "move" | "up") => void} follow parts of the node's height and width */
function drag(node, follow) {
  const tell = (/** @type {PointerEvent} */ event, /** @type {"down" | "move" | "up"} */ how) => {
    const box = node.getBoundingClientRect();
    follow((event.clientY - box.top) / box.height, (event.clientX - box.left) / box.width, how);
  };
  node.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
    if (event.button) return;
    node.setPointerCapture(event.pointerId);
    tell(event, "down");
  });
  node.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => node.hasPointerCapture(event.pointerId) && tell(event, "move"));
  node.addEventListener("lostpointercapture", (/** @type {PointerEvent} */ event) => tell(event, "up"));
}

export class Board {
  /** @param {Move} move */
  constructor(move) {
    this.cells = new Cells("what the sheet lies on");
    this.image = document.createElement("canvas");
    this.film = el("canvas", { "aria-hidden": "true" });
    this.sheet = el("div", { class: "laid" }, this.film);
    this.node = el("div", { class: "slideboard", tabIndex: 0, role: "slider", "aria-label": "The place of the sheet: arrow keys move it", "aria-valuemin": 0 }, this.cells.canvas, this.sheet);
    this.cells.canvas.setAttribute("aria-hidden", "true");
    /** @type {Scene | null} */
    this.scene = null;
    let held = [0, 0];
    drag(this.node, (y, x, how) => {
      const { scene } = this;
      if (!scene || scene.below) return;
      const [rows, columns] = scene.board;
      const point = [y * rows - scene.head.sides[0], x * columns - scene.head.sides[1]];
      if (how === "down") {
        const centre = middle(scene.head, this.at);
        const reach = extent(scene.head);
        const on = [0, 1].every((axis) => Math.abs(point[axis] - centre[axis]) <= reach[axis] / 2);
        held = on ? [point[0] - centre[0], point[1] - centre[1]] : [0, 0];
        if (on) return;
      }
      if (how === "up") return move(null);
      move(placeUnder(scene.head, point[0] - held[0], point[1] - held[1]));
    });
    /** @type {At} */
    this.at = [0, 0];
  }

  /** @param {Scene} scene @param {number} front @param {number} room CSS pixels across @param {number} height CSS pixels down at most */
  show(scene, front, room, height) {
    this.scene = scene;
    const [rows, columns] = scene.board;
    const side = Math.min(room / columns, Math.min(room * 1.25, height) / rows);
    this.cells.show(rows, columns, side * columns, (y, x) => scene.under(front, y, x), 72, (ink, side) => this.#paint(ink, side, front));
    this.#sheet(scene, front);
    this.node.setAttribute("aria-valuemax", String(scene.places - 1));
  }

  /** The sheet as large as its window, with the edges of those that lie under it. @param {Scene} scene @param {number} front */
  #sheet(scene, front) {
    const { side } = this.cells;
    const [high, wide] = extent(scene.head);
    const size = scene.below ? scene.board : [high, wide];
    const { style } = this.sheet;
    [style.height, style.width] = [`${size[0] * side}px`, `${size[1] * side}px`];
    const edges = scene.below ? 0 : Math.min(4, scene.channels.length - 1);
    style.boxShadow = Array.from({ length: edges }, (_, n) => `${3 * (n + 1)}px ${-3 * (n + 1)}px 0 -1px var(--paper), ${3 * (n + 1)}px ${-3 * (n + 1)}px 0 0 var(--mark)`).join(", ");
    this.node.style.marginTop = `${3 * edges}px`;
    this.sheet.classList.toggle("tiny", Math.min(...size) * side < 12);
    const mixes = side < FINE && !scene.picture;
    this.film.hidden = mixes || scene.block !== null || scene.head.operation === "largest" || scene.places === 1;
    if (!this.film.hidden) this.#film(scene, front);
  }

  /** Cells too fine to be drawn one by one. @param {CanvasRenderingContext2D} ink @param {number} side @param {number} front */
  #paint(ink, side, front) {
    const { scene, image } = this;
    if (!scene || side >= FINE) return false;
    const [rows, columns] = scene.board;
    const [top, left] = scene.head.sides;
    ink.fillStyle = hatch(ink);
    ink.fillRect(0, 0, columns * side, rows * side);
    scene.paint(image, front);
    ink.imageSmoothingEnabled = false;
    ink.drawImage(image, left * side, top * side, image.width * side, image.height * side);
    return true;
  }

  /** The kernel as film: a small square in each cell, so that no colours are mixed; gaps where it is dilated. @param {Scene} scene @param {number} front */
  #film(scene, front) {
    const { kernel, dilation, first, limits } = scene.head;
    const { side } = this.cells;
    const [high, wide] = extent(scene.head);
    const scale = Math.max(1, devicePixelRatio);
    [this.film.height, this.film.width] = [Math.round(high * side * scale), Math.round(wide * side * scale)];
    const ink = this.film.getContext("2d");
    ink.scale(scale, scale);
    const size = side < FINE ? side : side < WIDE ? side * 0.5 : side * 0.25;
    const inset = side < FINE ? 0 : side < WIDE ? side * 0.25 : side * 0.72;
    for (let i = 0; i < kernel[0]; i++)
      for (let j = 0; j < kernel[1]; j++) {
        ink.fillStyle = colour(scene.kernel.values[((front - first) * kernel[0] + i) * kernel[1] + j], limits.kernel);
        ink.fillRect(j * dilation[1] * side + inset, i * dilation[0] * side + inset, size, size);
      }
  }

  /** @param {At} at @param {string} words */
  place(at, words) {
    const { scene } = this;
    if (!scene) return;
    this.at = at;
    const [y, x] = scene.below ? [0, 0] : corner(scene.head, at);
    const [top, left] = scene.below ? [0, 0] : scene.head.sides;
    this.sheet.style.transform = `translate(${(x + left) * this.cells.side}px, ${(y + top) * this.cells.side}px)`;
    this.node.setAttribute("aria-valuenow", String(at[0] * scene.head.size[1] + at[1]));
    this.node.setAttribute("aria-valuetext", words);
  }
}

export class MapBoard {
  /** @param {Move} move */
  constructor(move) {
    this.cells = new Cells("the map");
    this.spot = el("div", { class: "spot" });
    this.rest = [el("div", { class: "rest" }), el("div", { class: "rest" })];
    this.node = el("div", { class: "mapboard" }, this.cells.canvas, ...this.rest, this.spot);
    /** @type {Scene | null} */
    this.scene = null;
    drag(this.node, (y, x, how) => {
      if (!this.scene) return;
      const [rows, columns] = this.scene.head.size;
      if (how === "up") return move(null);
      move(within(this.scene.head, [Math.floor(y * rows), Math.floor(x * columns)]));
    });
  }

  /** @param {Scene} scene @param {number} room @param {number} wanted CSS pixels of a cell, so that it is to the board's scale */
  show(scene, room, wanted) {
    this.scene = scene;
    const [rows, columns] = scene.head.size;
    const { unit, limits } = scene.head;
    const map = scene.map;
    const fits = Math.min(room / columns, (room * 1.25) / rows);
    const side = wanted <= fits && wanted * columns >= Math.min(160, room) ? wanted : Math.min(fits, 72);
    this.cells.canvas.setAttribute("aria-label", `The map of ${unit}, ${rows}×${columns}`);
    this.cells.show(rows, columns, side * columns, (y, x) => filmCell(map[y * columns + x], limits.value, `${unit} at ${y}, ${x}`), 72, (ink, size) => {
      if (size >= FINE) return false;
      const image = document.createElement("canvas");
      paintMap(image, map, rows, columns, limits.value);
      ink.imageSmoothingEnabled = false;
      ink.drawImage(image, 0, 0, columns * size, rows * size);
      return true;
    });
    const { style } = this.spot;
    [style.width, style.height] = [`${this.cells.side}px`, `${this.cells.side}px`];
    this.spot.classList.toggle("tiny", this.cells.side < 6);
  }

  /** @param {At} at @param {boolean} filling what is still to come is pale */
  place(at, filling) {
    if (!this.scene) return;
    const { side } = this.cells;
    const [rows, columns] = this.scene.head.size;
    this.spot.style.transform = `translate(${at[1] * side}px, ${at[0] * side}px)`;
    const [beside, below] = this.rest;
    beside.hidden = below.hidden = !filling;
    if (!filling) return;
    Object.assign(beside.style, { left: `${(at[1] + 1) * side}px`, top: `${at[0] * side}px`, width: `${(columns - at[1] - 1) * side}px`, height: `${side}px` });
    Object.assign(below.style, { left: "0", top: `${(at[0] + 1) * side}px`, width: `${columns * side}px`, height: `${(rows - at[0] - 1) * side}px` });
  }

  /** A value falls into its place. @param {HTMLElement} from what shows the value @param {string} fill */
  drop(from, fill) {
    if (still()) return;
    const [start, end] = [from.getBoundingClientRect(), this.spot.getBoundingClientRect()];
    const flies = document.body.appendChild(el("div", { class: "falling" }));
    flies.style.background = fill;
    const where = (/** @type {DOMRect} */ box, /** @type {number} */ size) => ({ transform: `translate(${box.left + box.width / 2 - 8}px, ${box.top + box.height / 2 - 8}px) scale(${size})` });
    const flight = flies.animate([where(start, 1), where(end, Math.max(0.5, end.width / 16))], { duration: 200, easing: "ease-in" });
    flight.onfinish = flight.oncancel = () => flies.remove();
  }
}
