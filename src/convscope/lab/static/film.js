/* Numbers as film, and pictures in their own colours. The palette is the library's; here a number finds its place in it. */

import { number } from "./words.js";

const NEUTRAL = 127;
const NAN = 255;

/** @type {{ light: Uint32Array, dark: Uint32Array }} */
const palettes = { light: new Uint32Array(256), dark: new Uint32Array(256) };

/** @param {{ light: number[][], dark: number[][] }} colours */
export function setPalettes(colours) {
  for (const theme of /** @type {const} */ (["light", "dark"]))
    colours[theme].forEach(([r, g, b], n) => (palettes[theme][n] = (255 << 24) | (b << 16) | (g << 8) | r));
}

/** @returns {"light" | "dark"} */
export function theme() {
  const set = document.documentElement.dataset.theme;
  if (set === "light" || set === "dark") return set;
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

/** @param {number} value @param {number} limit its place in the palette */
export function place(value, limit) {
  if (Number.isNaN(value)) return NAN;
  const at = Math.round((value / (limit || 1)) * NEUTRAL);
  return NEUTRAL + Math.max(-NEUTRAL, Math.min(NEUTRAL, at));
}

/** The colour of a number, as CSS has it. @param {number} value @param {number} limit */
export function colour(value, limit) {
  const packed = palettes[theme()][place(value, limit)];
  return `rgb(${packed & 255} ${(packed >> 8) & 255} ${(packed >> 16) & 255})`;
}

/** Black or white, whichever is read better on a number's colour: one of them always has a contrast of 4.5. @param {number} value @param {number} limit */
export function wordsOn(value, limit) {
  const packed = palettes[theme()][place(value, limit)];
  const [red, green, blue] = [packed & 255, (packed >> 8) & 255, (packed >> 16) & 255].map((part) => (part / 255 <= 0.04045 ? part / 3294.6 : ((part / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? "#000" : "#fff";
}

/**
 * Paint a map, a pixel a number.
 * @param {HTMLCanvasElement} canvas @param {ArrayLike<number>} values @param {number} rows @param {number} columns
 * @param {number} limit @param {number} [from] where the map begins in the values
 */
export function paintMap(canvas, values, rows, columns, limit, from = 0) {
  const [ink, image] = ready(canvas, rows, columns);
  const colours = palettes[theme()];
  const out = new Uint32Array(image.data.buffer);
  for (let n = 0; n < rows * columns; n++) out[n] = colours[place(values[from + n], limit)];
  ink.putImageData(image, 0, 0);
}

/**
 * Paint several maps side by side, `across` in a row, with a gap of `gap` pixels.
 * @param {HTMLCanvasElement} canvas @param {ArrayLike<number>} values @param {[number, number, number]} shape maps, rows, columns
 * @param {number} limit @param {number} across @param {number} gap
 */
export function paintMaps(canvas, values, [maps, rows, columns], limit, across, gap) {
  const down = Math.ceil(maps / across);
  const width = across * (columns + gap) - gap;
  const [ink, image] = ready(canvas, down * (rows + gap) - gap, width);
  const colours = palettes[theme()];
  const out = new Uint32Array(image.data.buffer);
  for (let map = 0; map < maps; map++) {
    const corner = Math.floor(map / across) * (rows + gap) * width + (map % across) * (columns + gap);
    for (let y = 0; y < rows; y++)
      for (let x = 0; x < columns; x++)
        out[corner + y * width + x] = colours[place(values[(map * rows + y) * columns + x], limit)];
  }
  ink.putImageData(image, 0, 0);
}

/**
 * Paint a picture of 0..255 in its own colours, one channel or three.
 * @param {HTMLCanvasElement} canvas @param {ArrayLike<number>} values @param {[number, number, number]} shape channels, rows, columns
 */
export function paintPicture(canvas, values, [channels, rows, columns]) {
  const [ink, image] = ready(canvas, rows, columns);
  const size = rows * columns;
  for (let n = 0; n < size; n++) {
    for (let c = 0; c < 3; c++) image.data[4 * n + c] = values[channels === 3 ? c * size + n : n];
    image.data[4 * n + 3] = 255;
  }
  ink.putImageData(image, 0, 0);
}

/** The one legend: film from -limit to limit, with its numbers. @param {number} limit @param {string} [what] */
export function legend(limit, what = "") {
  const box = document.createElement("div");
  box.className = "legend";
  const canvas = document.createElement("canvas");
  canvas.className = "film";
  canvas.setAttribute("aria-hidden", "true");
  const ends = document.createElement("div");
  ends.className = "ends";
  for (const text of [`−${number(limit)}`, "0", number(limit)]) ends.appendChild(document.createElement("span")).textContent = text;
  const words = document.createElement("span");
  words.textContent = what || "purple: the opposite; green: a match";
  box.append(canvas, ends, words);
  paintMap(canvas, Array.from({ length: 255 }, (_, n) => n - NEUTRAL), 1, 255, NEUTRAL);
  return box;
}

/** @param {HTMLCanvasElement} canvas @param {number} rows @param {number} columns @returns {[CanvasRenderingContext2D, ImageData]} */
function ready(canvas, rows, columns) {
  if (canvas.width !== columns || canvas.height !== rows) [canvas.width, canvas.height] = [Math.max(1, columns), Math.max(1, rows)];
  const ink = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  return [ink, ink.createImageData(canvas.width, canvas.height)];
}
