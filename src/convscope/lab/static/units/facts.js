/* What is known about a unit, a function a part: each makes the nodes that show it. */

import { paintMap, paintPicture } from "../film.js";
import { el, figure, say } from "../parts.js";
import { exact, number, percent } from "../words.js";

/** @typedef {Record<string, { values: any, shape: number[] }>} Arrays */
/** @typedef {{ picture: string, value: number, label: string }} Patch */

/** A canvas of film at a size of so many CSS pixels at most. @param {Arrays[string]} array @param {number} limit @param {number} side @param {string} name @param {number} [from] */
export function film(array, limit, side, name, from = 0) {
  const [rows, columns] = array.shape.slice(-2);
  const canvas = el("canvas", { class: "film" });
  paintMap(canvas, array.values, rows, columns, limit, from);
  return sized(canvas, side, name);
}

/** @param {HTMLCanvasElement} canvas @param {number} side @param {string} name */
export function sized(canvas, side, name) {
  const scale = side / Math.max(canvas.width, canvas.height);
  canvas.style.width = `${Math.round(canvas.width * scale)}px`;
  canvas.style.height = `${Math.round(canvas.height * scale)}px`;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", name);
  canvas.dataset.name = name;
  return canvas;
}

/** Patches of the set, each a button that looks at its picture. @param {Patch[]} found @param {Arrays} arrays @param {string} which @param {string} unit @param {(picture: string) => void} pick */
export function patches(found, arrays, which, unit, pick) {
  return el("ol", { class: "patches" }, ...found.map(({ picture, value, label }, n) => {
    const { values, shape } = arrays[`${which}.${n}`];
    const canvas = el("canvas", { class: "photo", "aria-hidden": "true", data: { name: `${unit} ${which} ${n + 1}` } });
    paintPicture(canvas, values, /** @type {[number, number, number]} */ (shape));
    const said = `${label}, ${number(value)}`;
    return el("li", {}, el("button", { type: "button", class: "plain", title: `${picture}, a ${label}: ${exact(value)}. Click to look at this picture`, "aria-label": `${said}, ${picture}: look at this picture`, onclick: () => pick(picture) },
      canvas, el("span", { text: said })));
  }));
}

/** How often it fires on each class. @param {any} seen */
export function classes(seen) {
  const rows = seen.classes.length <= 12 ? seen.classes : [...seen.classes].sort((a, b) => b.fires / (b.count || 1) - a.fires / (a.count || 1)).slice(0, 12);
  return el("ul", { class: "answers fires" }, ...rows.map((/** @type {{ name: string, fires: number, count: number }} */ { name, fires, count }) => {
    const part = count ? fires / count : 0;
    const fill = el("i");
    fill.style.transform = `scaleX(${part})`;
    return el("li", { title: `${fires.toLocaleString("en")} of ${count.toLocaleString("en")} pictures of ${name}` }, el("span", { class: "name", text: name }), el("span", { class: "track" }, fill), el("span", { class: "value", text: percent(part) }));
  }));
}

/** Links to the units at the other ends of its kernels. @param {{ unit: string, sum: number, strength: number }[]} links @param {Arrays[string]} slices @param {number} limit @param {import("../lab.js").Lab} lab */
export function links(links, slices, limit, lab) {
  const [, rows, columns] = slices.shape;
  return el("ul", { class: "links" }, ...links.map(({ unit, sum }, n) => {
    const canvas = film({ values: slices.values, shape: [rows, columns] }, limit, 40, `${unit}`, n * rows * columns);
    canvas.setAttribute("aria-hidden", "true");
    const words = el("span", {}, unit, el("small", { class: "quiet", text: sum >= 0 ? "for" : "against", title: `sum of the slice: ${exact(sum)}` }));
    return el("li", {}, lab.page.layers.some((/** @type {any} */ layer) => unit.startsWith(`${layer.name}/`)) ? el("a", { href: lab.link({ view: "units", unit }) }, canvas, words) : el("span", {}, canvas, words));
  }));
}

/** The picture that was made for it. @param {{ value: number, says: string }} liked @param {Arrays[string]} pixels @param {string} unit */
export function favourite({ says }, pixels, unit) {
  const canvas = el("canvas", { class: "photo" });
  paintPicture(canvas, pixels.values, /** @type {[number, number, number]} */ (pixels.shape));
  return figure(sized(canvas, 128, `the picture that ${unit} likes best`), `the picture that ${unit} likes best`, `${says}.`);
}

/** What its best patches owe to their pixels. @param {any} head @param {Arrays} arrays @param {string} unit */
export function owed(head, arrays, unit) {
  const rows = [["owed", head.owed, head.rule], ["deconvolved", head.deconvolved, "the same by deconvolution"]].filter(([, many]) => many);
  return rows.map(([which, many, rule]) => el("div", {}, el("p", { class: "quiet text", text: rule }), el("div", { class: "owed" }, ...Array.from({ length: many }, (_, n) => {
    const array = arrays[`${which}.${n}`];
    const limit = Math.max(...Array.from(/** @type {ArrayLike<number>} */ (array.values), Math.abs)) || 1;
    return film(array, limit, 56, `${unit}, patch ${n + 1}: ${rule}`);
  }))));
}

/** Its kernel and its map after each kept epoch: a click goes there. @param {any} head @param {Arrays} arrays @param {any} card the card's head @param {number | null} epoch @param {(epoch: number | null) => void} go */
export function history(head, arrays, card, epoch, go) {
  const last = head.epochs.at(-1);
  const { kernels, maps } = arrays;
  const [, rows, columns] = kernels.shape;
  const limit = Math.max(head.limit, card.kernel_limit);
  return el("ol", { class: "epochs scroll", tabIndex: 0, "aria-label": "The epochs" }, ...head.epochs.map((/** @type {number} */ one, /** @type {number} */ n) => {
    const kernel = film({ values: kernels.values, shape: [rows, columns] }, limit, 48, `kernel of ${card.unit} after epoch ${one}`, n * rows * columns);
    const map = maps && film({ values: maps.values, shape: maps.shape.slice(1) }, card.map_limit, maps.shape[1] * maps.shape[2] === 1 ? 24 : 48, `map of ${card.unit} after epoch ${one}`, n * maps.shape[1] * maps.shape[2]);
    const here = one === (epoch ?? last);
    return el("li", {}, el("button", { type: "button", class: "plain", "aria-pressed": String(here), "aria-label": `Epoch ${one}${one === 0 ? ", the random start" : ""}: go there`, onclick: () => go(one === last ? null : one) },
      kernel, map, el("span", { text: one === 0 ? "start" : String(one) })));
  }));
}

/** Exact numbers on hover. @param {HTMLCanvasElement} canvas @param {() => ArrayLike<number>} values @param {(spot: { row: number, column: number } | null) => void} [hover] */
export function pointed(canvas, values, hover = () => {}) {
  canvas.addEventListener("pointermove", (event) => {
    const box = canvas.getBoundingClientRect();
    const column = Math.min(canvas.width - 1, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * canvas.width)));
    const row = Math.min(canvas.height - 1, Math.max(0, Math.floor(((event.clientY - box.top) / box.height) * canvas.height)));
    const value = values()[row * canvas.width + column];
    if (value === undefined) return;
    say(`row ${row}, column ${column}: ${number(value)} (${exact(value)})`, event);
    hover({ row, column });
  });
  canvas.addEventListener("pointerleave", () => {
    say("");
    hover(null);
  });
}
