/* A rung of the ladder: a layer's map truly to scale, how its size comes about, and its switches. */

import { paintMaps, paintPicture } from "../film.js";
import { button, el } from "../parts.js";
import { count } from "../words.js";

/**
 * @typedef {object} Rung
 * @property {string} name
 * @property {string} kind
 * @property {number} units
 * @property {number} shown  maps that came
 * @property {[number, number]} size
 * @property {[number, number]} was  its size as the network is
 * @property {number[] | null} kernel
 * @property {number[] | null} stride
 * @property {number[] | null} sides  padding: top, left, bottom, right
 * @property {number[] | null} dilation
 * @property {number[]} field
 * @property {number} parameters
 * @property {string[]} can
 * @property {Record<string, number | null>} own  what can be changed, as the network has it
 * @property {string[]} formulas
 * @property {string} ways where it takes in other layers than the one above it, in words
 * @property {Record<string, string | number>} changed
 * @property {number} limit
 */

/** Pixels of the page that the largest map may take. */
export const ROOM = 208;
const SPARE = 8;
const MOST = 5;
const CELL = 8;
const OPTIONS = /** @type {Record<string, (number | string)[]>} */ ({ padding: [0, 1, 2, 3, "same"], stride: [1, 2, 3, 4], dilation: [1, 2, 3] });

/** Pixels of the page for a number, the same for all rungs, and while nothing grows much whatever is changed. @param {number[]} input @param {Rung[]} rungs */
export function scaleOf([, rows, columns], rungs) {
  const usual = ROOM / (Math.max(rows, columns) + SPARE);
  const widest = Math.max(rows, columns, ...rungs.flatMap(({ size, sides }) => [size[1], size[0], ...(sides ? [(sides[1] + sides[3])] : [])]));
  const scale = Math.min(MOST, usual, ROOM / widest);
  return scale >= 2 ? Math.floor(scale) : scale;
}

/**
 * Something to scale, in the middle of the column: the size before as a dashed frame, the next layer's padding hatched around it.
 * @param {HTMLCanvasElement} canvas @param {[number, number]} size @param {number} scale
 * @param {[number, number] | null} before @param {number[] | null} padding
 */
export function scaled(canvas, [rows, columns], scale, before, padding) {
  canvas.style.width = `${columns * scale}px`;
  canvas.style.height = `${rows * scale}px`;
  const ring = el("div", { class: "ring" }, canvas);
  const sides = padding?.some(Boolean) ? padding : null;
  if (sides) {
    ring.classList.add("padded");
    ring.style.padding = sides.map((_, n) => `${[sides[0], sides[3], sides[2], sides[1]][n] * scale}px`).join(" ");
    ring.title = "hatched: the padding, a border of zeros, that the next layer lays around it";
  }
  const shrunk = before && (before[0] > rows || before[1] > columns);
  const ghost = el("div", { class: shrunk ? "ghost" : "" }, ring);
  if (shrunk) {
    ghost.title = `dashed: the size before, ${before[0]}×${before[1]}`;
    ghost.style.minWidth = `${before[1] * scale}px`;
    ghost.style.minHeight = `${before[0] * scale}px`;
  }
  return el("div", { class: "scaled" }, ghost);
}

/** The picture, where the ladder begins. @param {import("../packed.js").Values} picture @param {number} scale @param {Rung | undefined} next */
export function inputRung(picture, scale, next) {
  const [channels, rows, columns] = picture.shape;
  const canvas = el("canvas", { class: "photo", role: "img", "aria-label": "The picture as the network takes it", data: { name: "picture" } });
  paintPicture(canvas, picture.values, [channels, rows, columns]);
  return el("li", { class: "rung" }, scaled(canvas, [rows, columns], scale, null, next?.sides ?? null),
    el("div", { class: "says" }, el("h3", {}, "the picture ", el("span", { class: "size", text: `${rows}×${columns}` })), el("p", { class: "quiet", text: channels === 1 ? "one channel: how bright each pixel is" : `${channels} channels, one for each colour` })));
}

/**
 * @param {Rung} rung @param {ArrayLike<number>} maps
 * @param {object} how
 * @param {number} how.scale
 * @param {number} how.room  pixels of the page for the maps beside the words
 * @param {[number, number]} how.before  the size before it
 * @param {Rung | undefined} how.next
 * @param {boolean} how.chosen  whether the picture is tinted for it
 * @param {() => void} how.pick
 * @param {(key: string, value: string, was: string) => void} how.change
 */
export function layerRung(rung, maps, { scale, room, before, next, chosen, pick, change }) {
  const [rows, columns] = rung.size;
  const cells = rows * columns === 1;
  const name = button(rung.name, pick, { class: "plain name", id: `pad-${rung.name}`, "aria-pressed": String(chosen), title: "Show on the picture how many of its values see each pixel" });
  const grew = rung.was[0] !== rows || rung.was[1] !== columns;
  const size = cells ? count(rung.units, "value") : `${rows}×${columns}`;
  const says = el("div", { class: "says" },
    el("h3", {}, name, el("span", { class: "size", text: size }), grew ? el("span", { class: "was", text: `was ${rung.was.join("×")}` }) : null),
    ...rung.formulas.map((formula, n) => el("p", { class: "formula", text: `${rung.formulas.length > 1 ? ["rows ", "columns "][n] : ""}${typeset(formula)}` })),
    el("p", { class: "quiet", text: words(rung) }), switches(rung, change), cells ? null : others(rung, maps, scale, room));
  const first = el("canvas", { class: "sheet", role: "img", "aria-label": cells ? `The ${rung.units} values of ${rung.name}` : `Map ${rung.name}/0`, data: { name: cells ? rung.name : `${rung.name}-0` } });
  if (cells) {
    const across = Math.min(rung.shown, Math.floor(ROOM / CELL));
    paintMaps(first, maps, [rung.shown, 1, 1], rung.limit, across, 0);
    return el("li", { class: row(rung) }, scaled(first, [first.height, first.width], CELL, null, null), says);
  }
  paintMaps(first, maps, [1, rows, columns], rung.limit, 1, 0);
  return el("li", { class: row(rung) }, scaled(first, [rows, columns], scale, before, next?.sides ?? null), says);
}

/** @param {Rung} rung */
const row = (rung) => `rung${Object.keys(rung.changed).length ? " changed" : ""}`;

/** The layer's other maps, at the same scale, as many as fit. @param {Rung} rung @param {ArrayLike<number>} maps @param {number} scale @param {number} room */
function others(rung, maps, scale, room) {
  const [rows, columns] = rung.size;
  const across = Math.max(1, Math.floor((room + scale) / ((columns + 1) * scale)));
  const lines = rows * scale < 64 ? 2 : 1;
  const shown = Math.min(rung.shown - 1, across * lines);
  if (shown < 1) return rung.units > 1 ? el("p", { class: "quiet", text: `${count(rung.units, "map")}, the first one shown` }) : null;
  const canvas = el("canvas", { class: "sheet", role: "img", "aria-label": `Maps of ${rung.name}`, data: { name: `maps of ${rung.name}` } });
  paintMaps(canvas, Array.prototype.slice.call(maps, rows * columns, (shown + 1) * rows * columns), [shown, rows, columns], rung.limit, Math.min(across, shown), 1);
  canvas.style.width = `${canvas.width * scale}px`;
  canvas.style.height = `${canvas.height * scale}px`;
  const rest = rung.units - 1 - shown;
  return el("div", { class: "others" }, canvas, rest ? el("p", { class: "quiet", text: `and ${count(rest, "map")} more` }) : null);
}

/** The library's text with the signs of print. @param {string} text */
export const typeset = (text) => text.replace(/ x /g, " × ").replace(/ - /g, " − ");

/** @param {Rung} rung */
function words(rung) {
  const window = rung.kernel ? `, window ${rung.kernel.join("×")}` : "";
  return `${KINDS[rung.kind] ?? rung.kind}${window}.${rung.ways ? ` ${rung.ways}.` : ""} A value sees ${rung.field.join("×")} pixels (receptive field). ${rung.parameters ? `${count(rung.parameters, "weight")}.` : "No weights."}`;
}

/** @type {Record<string, string>} */
const KINDS = { conv: "Convolution", linear: "Fully connected: every value feeds every one", max: "The largest of each window (max pooling)", avg: "The mean of each window (average pooling)", adaptive: "The mean of each area (adaptive average pooling)", global: "The mean of each map (global average pooling)", add: "The sum of two layers, value by value", subsample: "The sum of each window, scaled (subsampling)", rbf: "Distances to ten drawn digits (RBF)" };

/** @param {Rung} rung @param {(key: string, value: string, was: string) => void} change */
function switches(rung, change) {
  if (!rung.can.length) return null;
  return el("div", { class: "row switches" }, ...rung.can.map((key) => {
    const now = String(rung.changed[key] ?? stands(rung, key));
    const choices = OPTIONS[key].map(String);
    if (!choices.includes(now)) choices.push(now);
    const select = el("select", { id: `pad-${rung.name}-${key}`, "aria-label": `${key} of ${rung.name}`, class: rung.changed[key] === undefined ? "" : "set", onchange: () => change(key, select.value, String(rung.own[key])) },
      ...choices.map((value) => el("option", { value, text: value, selected: value === now, disabled: value === "uneven" })));
    return el("label", { class: "switch", title: MEANS[key] }, key, select);
  }));
}

/** @type {Record<string, string>} */
const MEANS = { padding: "Zeros laid around the map, in pixels on each side; same: as many as keep the size", stride: "How far the window moves at each step", dilation: "How far apart the window's cells lie" };

/** What a switch stands at while nothing is changed. @param {Rung} rung @param {string} key */
function stands(rung, key) {
  const numbers = /** @type {Record<string, number[] | null>} */ ({ padding: rung.sides, stride: rung.stride, dilation: rung.dilation })[key] ?? [0];
  return numbers.every((one) => one === numbers[0]) ? numbers[0] : key === "padding" ? "same" : "uneven";
}
