/* A block of numbers as cells: coloured, the numbers in them where they are wide enough, exact where one points. */

import { colour, theme, wordsOn } from "../film.js";
import { el, say } from "../parts.js";
import { exact, number } from "../words.js";

/** CSS pixels from which on a cell has room for its number. */
export const WIDE = 28;

/**
 * @typedef {object} Cell
 * @property {number} value
 * @property {string} fill   a colour; "" is padding, which is hatched
 * @property {string} words  the colour of its number: "ink", "paper", or a colour
 * @property {string} name   what it is, said where one points
 * @property {boolean} [faint]
 * @property {boolean} [fine]  its like are so small that two digits say little
 */

/** A number as short as a cell is narrow: two digits behind the point, or three. @param {number} value @param {boolean} [fine] */
export function short(value, fine = false) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "?" : value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  if (fine && size > 0 && size < 0.0005) return value.toExponential(0).replaceAll("-", "−");
  const digits = size >= 999.5 ? -1 : size >= 99.95 ? 0 : size >= 9.995 ? 1 : fine ? 3 : 2;
  return (digits < 0 ? value.toExponential(0) : value.toFixed(digits)).replace(/^-(?=0(\.0*)?$)/, "").replaceAll("-", "−");
}

/** @param {number} value @param {number} limit @param {string} name @returns {Cell} */
export const filmCell = (value, limit, name) => ({ value, fill: colour(value, limit), words: wordsOn(value, limit), name, fine: limit < 0.1 });

/** @param {number} value @param {number} light 0..255 @param {string} name @returns {Cell} */
export const greyCell = (value, light, name) => ({ value, fill: `rgb(${light} ${light} ${light})`, words: light < 128 ? "#fff" : "#000", name });

/** @param {string} name @returns {Cell} */
export const paddingCell = (name) => ({ value: 0, fill: "", words: "ink", name });

export class Cells {
  /** @param {string} name @param {(row: number, column: number) => void} [pick] */
  constructor(name, pick) {
    this.canvas = el("canvas", { class: "cells", role: "img", "aria-label": name, data: { name } });
    this.shape = [0, 0];
    this.side = 0;
    /** @type {(row: number, column: number) => Cell | null} */
    this.at = () => null;
    this.canvas.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
      const found = this.#under(event);
      const cell = found && this.at(...found);
      say(cell ? `${cell.name}: ${number(cell.value)} (${exact(cell.value)})` : "", event);
    });
    this.canvas.addEventListener("pointerleave", () => say(""));
    if (pick) {
      this.canvas.style.cursor = "pointer";
      this.canvas.addEventListener("click", (/** @type {PointerEvent} */ event) => {
        const found = this.#under(event);
        if (found && this.at(...found)) pick(...found);
      });
    }
  }

  /**
   * @param {number} rows @param {number} columns @param {number} room CSS pixels across
   * @param {(row: number, column: number) => Cell | null} at @param {number} [most] CSS pixels of a cell at most
   * @param {(ink: CanvasRenderingContext2D, side: number) => boolean} [paint] paints it all another way, if it returns true
   */
  show(rows, columns, room, at, most = 56, paint = () => false) {
    this.at = at;
    const fits = Math.min(most, room / columns);
    const side = fits >= 8 ? Math.floor(fits) : Math.max(0.5, fits);
    const scale = Math.max(1, devicePixelRatio);
    const { canvas } = this;
    const [width, height] = [Math.round(columns * side * scale), Math.round(rows * side * scale)];
    if (canvas.width !== width || canvas.height !== height) {
      [canvas.width, canvas.height] = [width, height];
      [canvas.style.width, canvas.style.height] = [`${columns * side}px`, `${rows * side}px`];
    }
    [this.shape, this.side] = [[rows, columns], side];
    const ink = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    ink.setTransform(scale, 0, 0, scale, 0, 0);
    ink.clearRect(0, 0, columns * side, rows * side);
    if (!paint(ink, side)) drawCells(ink, rows, columns, side, at);
  }

  /** @param {PointerEvent} event @returns {[number, number] | null} */
  #under(event) {
    const box = this.canvas.getBoundingClientRect();
    const [rows, columns] = this.shape;
    const row = Math.floor(((event.clientY - box.top) / box.height) * rows);
    const column = Math.floor(((event.clientX - box.left) / box.width) * columns);
    return row >= 0 && column >= 0 && row < rows && column < columns ? [row, column] : null;
  }
}

/**
 * @param {CanvasRenderingContext2D} ink @param {number} rows @param {number} columns @param {number} side
 * @param {(row: number, column: number) => Cell | null} at
 */
function drawCells(ink, rows, columns, side, at) {
  const colours = inks();
  const size = Math.min(14, Math.max(10, side / 3.4));
  ink.font = `${size}px ${colours.font}`;
  ink.textAlign = "center";
  ink.textBaseline = "middle";
  for (let y = 0; y < rows; y++)
    for (let x = 0; x < columns; x++) {
      const cell = at(y, x);
      if (!cell) continue;
      ink.globalAlpha = cell.faint ? 0.35 : 1;
      ink.fillStyle = cell.fill || hatch(ink);
      ink.fillRect(x * side, y * side, side, side);
      if (side < WIDE) continue;
      const text = short(cell.value, side >= 48 || cell.fine);
      if (!cell.fill) {
        ink.fillStyle = colours.paper;
        ink.fillRect(x * side + side / 5, y * side + side / 2 - size * 0.6, (side * 3) / 5, size * 1.2);
      }
      ink.fillStyle = cell.words === "ink" ? colours.ink : cell.words === "paper" ? colours.paper : cell.words;
      ink.fillText(text, (x + 0.5) * side, (y + 0.5) * side, side - 3);
    }
  ink.globalAlpha = 0.3;
  ink.fillStyle = colours.edge;
  for (let y = 1; y < rows; y++) ink.fillRect(0, y * side - 0.5, columns * side, 1);
  for (let x = 1; x < columns; x++) ink.fillRect(x * side - 0.5, 0, 1, rows * side);
  ink.globalAlpha = 1;
}

/** @type {{ theme: string, paper: string, ink: string, edge: string, font: string, hatch: CanvasPattern | null }} */
const known = { theme: "", paper: "", ink: "", edge: "", font: "", hatch: null };

/** The page's colours, looked up once for each theme. */
function inks() {
  if (known.theme === theme()) return known;
  const look = getComputedStyle(document.documentElement);
  const said = (/** @type {string} */ name) => look.getPropertyValue(name).trim();
  return Object.assign(known, { theme: theme(), paper: said("--paper"), ink: said("--ink"), edge: said("--edge"), font: getComputedStyle(document.body).fontFamily, hatch: null });
}

/** Diagonal lines: here is padding. @param {CanvasRenderingContext2D} ink @returns {CanvasPattern} */
export function hatch(ink) {
  const colours = inks();
  if (colours.hatch) return colours.hatch;
  const tile = el("canvas", { width: 6, height: 6 });
  const pencil = tile.getContext("2d");
  pencil.strokeStyle = colours.edge;
  pencil.beginPath();
  for (const at of [-6, 0, 6]) {
    pencil.moveTo(at, 6);
    pencil.lineTo(at + 6, 0);
  }
  pencil.stroke();
  return (colours.hatch = /** @type {CanvasPattern} */ (ink.createPattern(tile, "repeat")));
}
