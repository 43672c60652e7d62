/* The spine of the page: the network as one row of small maps, to scale, alive in every view. */

import { paintPicture } from "./film.js";
import { current, el } from "./parts.js";
import { LayerSheet } from "./sheet.js";
import { percent } from "./words.js";

const HEIGHT = 44;

export class Strip {
  /** @param {HTMLElement} node @param {import("./lab.js").Lab} lab */
  constructor(node, lab) {
    this.node = node;
    this.lab = lab;
    /** @type {LayerSheet[]} */
    this.sheets = [];
    this.shape = "";
    lab.on("said", () => this.show());
    lab.on("theme", () => this.show());
    lab.on("place", () => this.#mark());
  }

  show() {
    const said = this.lab.said;
    if (!said) return;
    const shape = JSON.stringify([this.lab.place.run, said.head.layers]);
    if (shape !== this.shape) this.#build();
    this.shape = shape;
    const { values, shape: size } = said.arrays.picture;
    paintPicture(this.input, values, /** @type {[number, number, number]} */ (size));
    for (const sheet of this.sheets) sheet.show(said.arrays[sheet.told.name].values);
    const chances = said.arrays.chances.values;
    this.answer.textContent = said.head.label;
    this.link.title = `${said.head.label}, ${percent(Math.max(...chances))}`;
  }

  #build() {
    const { said, page } = this.lab;
    if (!said || !page) return;
    const [, rows] = said.arrays.picture.shape;
    const scale = Math.min(1.25, HEIGHT / rows);
    this.input = el("canvas", { class: "photo", "aria-hidden": "true" });
    this.input.style.height = `${HEIGHT}px`;
    this.sheets = said.head.layers.map((/** @type {import("./sheet.js").Told} */ told) => sheet(told, scale));
    this.answer = el("span", { class: "answer", "aria-live": "off" });
    this.link = this.#item("draw", "", "answer", this.answer);
    const items = [this.#item("draw", "", "input", this.input)];
    for (const made of this.sheets) items.push(arrow(), this.#item("units", made.told.name, made.told.name, made.node));
    this.node.replaceChildren(...items, arrow(), this.link);
    this.#mark();
  }

  /** @param {string} view @param {string} layer @param {string} label @param {HTMLElement} picture */
  #item(view, layer, label, picture) {
    const told = this.lab.page?.layers.find((/** @type {any} */ one) => one.name === layer);
    const about = told ? `${layer}: ${told.units} × ${told.size.join("×")}, ${told.text}` : label;
    const link = el("a", { href: "#", title: about, "aria-label": told ? about : null, data: { layer, view } }, picture, el("span", { text: label }));
    link.addEventListener("click", (/** @type {Event} */ event) => {
      event.preventDefault();
      this.lab.go(layer ? { view, unit: "", more: { ...this.lab.kept(), layer } } : { view });
    });
    return link;
  }

  #mark() {
    const { view, unit, more } = this.lab.place;
    const layer = more.layer ?? unit.split("/").slice(0, -1).join("/");
    for (const link of this.node.querySelectorAll("a"))
      current(link, Boolean(link.dataset.layer) && link.dataset.layer === layer && view !== "draw");
  }
}

/** A layer's maps, as many as fit into the height. @param {import("./sheet.js").Told} told @param {number} scale */
function sheet(told, scale) {
  const [rows, columns] = told.size;
  const cells = rows * columns === 1;
  const side = cells ? 4 : scale;
  const down = Math.max(1, Math.floor((HEIGHT + 4) / (rows * side + (cells ? 0 : 4))));
  const shown = cells ? told.shown : Math.min(told.shown, Math.max(down * 8, Math.ceil(360 / (columns * side)) * down));
  return new LayerSheet({ ...told, shown }, { scale: side, across: Math.ceil(shown / down) });
}

const arrow = () => el("span", { class: "arrow", "aria-hidden": "true", text: "▸" });
