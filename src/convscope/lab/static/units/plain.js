/* A layer without kernels: its maps or values, and in a sentence what it does. */

import { legend } from "../film.js";
import { LayerSheet } from "../sheet.js";
import { el } from "../parts.js";

/** @type {Record<string, string>} */
const DOES = {
  subsample: "Each of its maps is one map below made smaller: the sum of each little block, times one learned number, plus another.",
  max: "Each of its maps is one map below made smaller: of each little block the largest number is kept.",
  avg: "Each of its maps is one map below made smaller: of each little block the mean is kept.",
  adaptive: "Each of its maps is one map below brought to a fixed size: of each area the mean is kept.",
  global: "Each of its values is the mean of one whole map below.",
  linear: "Each of its units adds up all values below, each times a learned weight of its own. Nothing slides, so there is no kernel to see.",
  rbf: "Each of its units measures how far the values below are from a code of its class: the smallest distance is the answer.",
};

export class Plain {
  /** @param {import("../lab.js").Lab} lab */
  constructor(lab) {
    this.lab = lab;
    this.node = el("div", { class: "stack" });
    this.shape = "";
    /** @type {LayerSheet | null} */
    this.sheet = null;
  }

  /** @param {string} name */
  show(name) {
    const { said, page, place } = this.lab;
    const told = said?.head.layers.find((/** @type {any} */ one) => one.name === name);
    const layer = page.layers.find((/** @type {any} */ one) => one.name === name);
    if (!said || !told || !layer) return this.node.replaceChildren(el("p", { class: "waiting", text: "The network is asked about the picture." }));
    const shape = JSON.stringify([told, this.node.clientWidth]);
    if (shape !== this.shape) this.#build(told, layer);
    this.shape = shape;
    this.sheet?.show(said.arrays[name].values);
    const number = place.unit.startsWith(`${name}/`) ? Number(place.unit.split("/").at(-1)) : null;
    this.sheet?.point(number);
  }

  /** @param {any} told @param {any} layer */
  #build(told, layer) {
    const [rows, columns] = told.size;
    const room = Math.max(240, this.node.clientWidth || 640);
    const side = rows * columns === 1 ? 20 : Math.min(112, Math.max(32, 20 + 14 * Math.sqrt(rows)));
    const scale = side / Math.max(rows, columns);
    const { layers } = this.lab.page;
    const coded = told.units === 84 && layers.at(-1).text.startsWith("rbf") && layers.at(-2).name === told.name;
    const across = coded ? 7 : Math.max(1, Math.floor(room / (columns * scale + 6)));
    this.sheet = new LayerSheet(told, { scale, across, live: true, pick: (unit) => this.lab.go({ view: "slide", unit: `${told.name}/${unit}` }) });
    this.sheet.canvas.dataset.name = `maps of ${told.name}`;
    const what = Object.entries(DOES).find(([kind]) => layer.text.includes(kind))?.[1] ?? "It has no kernels that slide.";
    const some = told.shown < told.units ? ` The first ${told.shown} are shown.` : "";
    this.node.replaceChildren(el("p", { class: "text", text: `${what}${some}` }), el("p", { class: "quiet", text: coded ? "Its values on this picture, laid out as the 7×12 pixels of a small picture of the answer:" : rows * columns === 1 ? "Its values on this picture:" : "Its maps of this picture:" }), this.sheet.node, legend(told.limit, "its values"));
  }
}
