/* What stands around the two boards: the other maps below, and the other units of the layer. */

import { el } from "../parts.js";
import { LayerSheet } from "../sheet.js";
import { corner, extent } from "./places.js";

/** @typedef {import("./scene.js").Scene} Scene */

const SIDE = 48;
const SMALL = 28;
const MOST = 64;

/** The maps that a unit sees, small, each with its slice of the sheet; one is brought to the front. */
export class Fan {
  /** @param {(channel: number) => void} pick */
  constructor(pick) {
    this.pick = pick;
    this.node = el("div", { class: "fan" });
    /** @type {HTMLElement[]} */
    this.marks = [];
    /** @type {Scene | null} */
    this.scene = null;
    this.scale = 1;
  }

  /** @param {Scene} scene @param {number} front */
  show(scene, front) {
    const { channels, head } = scene;
    this.scene = scene;
    this.marks = [];
    this.node.replaceChildren();
    if (channels.length === 1 || scene.below) return;
    const [, rows, columns] = head.input;
    const scale = (this.scale = (channels.length > 8 ? SMALL : SIDE) / Math.max(rows, columns));
    const size = extent(head);
    channels.slice(0, MOST).forEach((name, c) => {
      if (!scene.has(c)) return;
      const [canvas, mark] = [el("canvas", { "aria-hidden": "true", data: { name } }), el("i")];
      scene.paint(canvas, c, true);
      [canvas.style.width, canvas.style.height] = [`${columns * scale}px`, `${rows * scale}px`];
      [mark.style.width, mark.style.height] = [`${size[1] * scale}px`, `${size[0] * scale}px`];
      this.marks.push(mark);
      const words = head.below ? name.split("/").at(-1) : name;
      this.node.append(el("button", { type: "button", class: "plain", title: `Bring ${name} to the front`, "aria-label": `${words}: bring ${name} to the front`, "aria-current": c === front ? "true" : null, onclick: () => this.pick(c) },
        el("span", { class: "small" }, canvas, mark), el("span", { text: words })));
    });
    if (channels.length > this.marks.length) this.node.append(el("span", { class: "quiet", text: `and ${channels.length - this.marks.length} more` }));
  }

  /** @param {import("./places.js").At} at */
  place(at) {
    if (!this.scene || !this.marks.length) return;
    const [y, x] = corner(this.scene.head, at);
    for (const mark of this.marks) mark.style.transform = `translate(${x * this.scale}px, ${y * this.scale}px)`;
  }
}

/**
 * All units of a layer, to choose one.
 * @param {import("../lab.js").Lab} lab @param {string} layer @param {number} unit @param {number} room CSS pixels across @param {(unit: number) => void} pick
 * @returns {Node[]}
 */
export function siblings(lab, layer, unit, room, pick) {
  const told = lab.said?.head.layers.find((/** @type {any} */ one) => one.name === layer);
  if (!lab.said || !told || told.shown < 2) return [];
  const [rows, columns] = told.size;
  const single = rows * columns === 1;
  const scale = single ? 14 : Math.max(0.25, Math.min(SIDE / Math.max(rows, columns), 16));
  const across = Math.floor((room + 4) / (columns * scale + (single ? 0 : 4)));
  const sheet = new LayerSheet(told, { scale, across, live: true, hover: (spot) => spot || sheet.point(unit), pick });
  sheet.canvas.dataset.name = `maps of ${layer}`;
  sheet.unit = unit;
  sheet.show(lab.said.arrays[layer].values);
  sheet.point(unit);
  const some = told.shown < told.units ? `${told.shown} of ` : "";
  return [el("h3", { text: layer }, el("span", { class: "quiet", text: ` ${some}${told.units} units: click one` })), sheet.node];
}
