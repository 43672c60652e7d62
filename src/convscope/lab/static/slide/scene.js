/* What the library says of a unit, to be read number by number: what is below it, its kernel, its map. */

import { paintMap, paintPicture } from "../film.js";
import { count } from "../words.js";
import { filmCell, greyCell, paddingCell } from "./cells.js";
import { block, cell, extent } from "./places.js";

/** @typedef {import("./cells.js").Cell} Cell */
/** @typedef {import("./places.js").At} At */
/** @typedef {"window" | "kernel" | "products"} Which */

export class Scene {
  /** @param {import("../packed.js").Message} message */
  constructor({ head, arrays }) {
    this.head = head;
    this.given = arrays.given;
    this.kernel = arrays.kernel;
    this.stages = arrays.stages;
    this.picture = arrays.picture ?? null;
    this.channels = /** @type {string[]} */ (head.channels);
    const [, rows, columns] = head.input;
    const single = this.channels.length > 1 && head.kernel[0] * head.kernel[1] === 1;
    /** Kernels of single numbers: those of all channels are laid out as one block. */
    this.block = single ? block(head.shown, head.rbf) : null;
    /** So are the maps below, where they are single numbers themselves. */
    this.below = single && rows * columns === 1 ? this.block : null;
  }

  get places() {
    return this.head.size[0] * this.head.size[1];
  }

  /** Whether a channel's numbers are here. @param {number} channel */
  has(channel) {
    return channel >= this.head.first && channel < this.head.first + this.head.shown;
  }

  /** Rows and columns of the board, its padding included. @returns {At} */
  get board() {
    if (this.below) return [this.below[0], this.below[1]];
    const [, rows, columns] = this.head.input;
    const [top, left, bottom, right] = this.head.sides;
    return [rows + top + bottom, columns + left + right];
  }

  /** Rows and columns of the blocks of window, kernel and products. @returns {At} */
  get grid() {
    return this.block ? [this.block[0], this.block[1]] : [this.head.kernel[0], this.head.kernel[1]];
  }

  /** A cell below. @param {number} channel @param {number} y @param {number} x @returns {Cell} */
  given_(channel, y, x) {
    const [, rows, columns] = this.head.input;
    const value = this.given.values[((channel - this.head.first) * rows + y) * columns + x];
    const name = `${this.channels[channel]} at ${y}, ${x}`;
    if (!this.picture) return filmCell(value, this.head.limits.given, name);
    return greyCell(value, this.picture.values[(this.head.numbers[channel] * rows + y) * columns + x], name);
  }

  /** A cell of the board, which is padded. @param {number} channel @param {number} row @param {number} column @returns {Cell | null} */
  under(channel, row, column) {
    if (this.below) {
      const c = this.head.first + row * this.below[1] + column;
      return this.has(c) ? this.given_(c, 0, 0) : null;
    }
    const [, rows, columns] = this.head.input;
    const [y, x] = [row - this.head.sides[0], column - this.head.sides[1]];
    if (y < 0 || x < 0 || y >= rows || x >= columns) return paddingCell("padding");
    const cell = this.given_(channel, y, x);
    if (!this.coloured || !this.picture) return cell;
    const [red, green, blue] = [0, 1, 2].map((c) => this.picture?.values[(c * rows + y) * columns + x]);
    return { ...cell, fill: `rgb(${red} ${green} ${blue})` };
  }

  /** Whether what is below is a picture whose three colours the unit sees. */
  get coloured() {
    return this.picture?.shape[0] === 3 && this.channels.length === 3;
  }

  /** Paint what is below a pixel a number, without its padding. @param {HTMLCanvasElement} canvas @param {number} channel @param {boolean} [alone] as a picture's one colour */
  paint(canvas, channel, alone = false) {
    const [, rows, columns] = this.head.input;
    const size = rows * columns;
    if (!this.picture) return paintMap(canvas, this.given.values, rows, columns, this.head.limits.given, (channel - this.head.first) * size);
    const colours = this.coloured && !alone;
    const from = this.head.numbers[channel] * size;
    paintPicture(canvas, colours ? this.picture.values : this.picture.values.subarray(from, from + size), [colours ? 3 : 1, rows, columns]);
  }

  /** Where a cell of a block is: its channel, row and column of the window. @param {number} front @param {number} i @param {number} j @returns {[number, number, number] | null} */
  #spot(front, i, j) {
    if (!this.block) return [front, i, j];
    const channel = this.head.first + i * this.block[1] + j;
    return this.has(channel) ? [channel, 0, 0] : null;
  }

  /** The number of a spot among those of the channels that are here. @param {[number, number, number]} spot */
  #index([channel, i, j]) {
    return ((channel - this.head.first) * this.head.kernel[0] + i) * this.head.kernel[1] + j;
  }

  /**
   * A cell of one of the blocks at a place.
   * @param {Which} which @param {At} at @param {number} front the channel before the others @param {ArrayLike<number>} products @param {number} i @param {number} j
   * @returns {Cell | null}
   */
  cell(which, at, front, products, i, j) {
    const spot = this.#spot(front, i, j);
    if (!spot) return null;
    const [channel, row, column] = spot;
    const name = this.block ? this.channels[channel] : `row ${row}, column ${column}`;
    const { limits, operation } = this.head;
    if (which === "kernel") return filmCell(this.kernel.values[this.#index(spot)], limits.kernel, name);
    if (which === "products") return products.length ? filmCell(products[this.#index(spot)], limits.products, name) : null;
    const found = cell(this.head, at, row, column);
    const under = found ? this.given_(channel, ...found) : paddingCell("padding");
    if (operation !== "largest" || !products.length) return under;
    return { ...under, faint: products[this.#index(spot)] !== under.value };
  }

  /** The unit's value behind a step, at a place. @param {number} stage @param {At} at */
  value(stage, [row, column]) {
    return this.stages.values[stage * this.places + row * this.head.size[1] + column];
  }

  /** The last step's map. */
  get map() {
    return this.stages.values.subarray((this.head.stages.length - 1) * this.places);
  }

  /** What slides over what, in a sentence. */
  get sentence() {
    const { head, channels } = this;
    const [high, wide] = extent(head);
    const [, rows, columns] = head.input;
    const what = head.below ? `${count(channels.length, "map")} of ${head.below}` : channels.length > 1 ? `the picture's ${channels.length} colours` : "the picture";
    const some = head.below && channels.length < head.units_below ? `${channels.length} of the ${head.units_below} maps of ${head.below}` : what;
    if (this.below) return `Its window is everything below: ${channels.length} values of ${head.below}.`;
    if (high >= rows && wide >= columns && this.places === 1) return `It has one place: its window is all of ${some}, ${rows}×${columns} numbers each.`;
    const sheet = head.kernel[0] * head.kernel[1] === 1 ? "a single number" : `${head.kernel.join("×")} numbers`;
    if (channels.length === 1) return `A ${head.operation === "largest" ? "window" : "kernel"} of ${sheet} slides over ${head.below ? `one map, ${channels[0]}` : some}.`;
    return `A stack of ${channels.length} sheets, ${sheet} each, slides over ${some}: ${channels.length} become one.`;
  }
}
