/* Which unit is looked at, and with which picture. */

import { chooseFile } from "../incoming.js";
import { button, el } from "../parts.js";
import { pickPicture, randomPicture } from "../picker.js";

/** Layers with a window, or with weights: what slides, or could. */
const KINDS = ["conv", "subsample", "avg", "max", "adaptive", "global", "linear", "rbf"];

export class Chooser {
  /** @param {import("../lab.js").Lab} lab @param {(layer: string, unit: number) => void} chosen */
  constructor(lab, chosen) {
    this.lab = lab;
    this.chosen = chosen;
    const { layers, pictures } = lab.page;
    const text = (/** @type {any} */ layer) => `${layer.name}: ${layer.text.split(" | ").find((/** @type {string} */ step) => step.startsWith(layer.kind))?.replace(/ \w+=\S+/g, "") ?? layer.kind}`;
    this.layer = el("select", { "aria-label": "Layer", onchange: () => chosen(this.layer.value, 0) },
      ...layers.filter((/** @type {any} */ layer) => KINDS.includes(layer.kind)).map((/** @type {any} */ layer) => el("option", { value: layer.name, text: text(layer) })));
    this.unit = el("input", { type: "number", min: 0, step: 1, "aria-label": "Unit", onchange: () => this.#take(Number(this.unit.value)) });
    const stepper = el("span", { class: "row" }, button("‹", () => this.next(-1), { "aria-label": "The unit before", title: "The unit before" }), this.unit,
      button("›", () => this.next(1), { "aria-label": "The next unit", title: "The next unit" }));
    this.node = el("div", { class: "choose" }, el("label", { class: "field" }, "Layer", this.layer), el("div", { class: "field unit" }, el("span", { class: "quiet", text: "Unit" }), stepper),
      el("div", { class: "row" }, pictures.test ? button("Random picture", () => lab.go({ picture: randomPicture(lab) })) : null,
        pictures.test ? button("Pick", () => pickPicture(lab, (picture) => lab.go({ picture }))) : null, button("Open", () => chooseFile(lab))));
  }

  /** @param {string} layer @param {number} unit */
  show(layer, unit) {
    this.layer.value = layer;
    this.unit.value = String(unit);
    this.unit.max = String(this.#units(layer) - 1);
  }

  /** @param {number} by */
  next(by) {
    this.#take(Number(this.unit.value) + by);
  }

  /** A layer further up, or down. @param {number} by */
  step(by) {
    const at = this.layer.selectedIndex + by;
    if (at >= 0 && at < this.layer.options.length) this.chosen(this.layer.options[at].value, 0);
  }

  /** @param {number} unit */
  #take(unit) {
    this.chosen(this.layer.value, Math.max(0, Math.min(this.#units(this.layer.value) - 1, Math.round(unit) || 0)));
  }

  /** @param {string} layer */
  #units(layer) {
    return this.lab.page.layers.find((/** @type {any} */ one) => one.name === layer)?.units ?? 1;
  }
}
