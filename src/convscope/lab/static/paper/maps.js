/* The whole maps of the sheets that lie on the picture, side by side; the same pixel is marked in all of them. */

import { paintMap } from "../film.js";
import { button, el } from "../parts.js";
import { exact, number } from "../words.js";
import { valueAt } from "./board.js";

/** @typedef {import("../packed.js").Message} Message */

export class Maps {
  /** @param {{ chose: (n: number) => void, away: (n: number) => void }} how */
  constructor(how) {
    this.how = how;
    /** @type {{ message: Message, mark: HTMLElement, value: HTMLElement }[]} */
    this.parts = [];
    this.node = el("div", { class: "maps" });
  }

  /** @param {Message[]} messages @param {number} chosen */
  show(messages, chosen) {
    this.parts = [];
    const many = messages.length > 1;
    this.node.classList.toggle("many", many);
    this.node.replaceChildren(...messages.map((message, n) => {
      const { head, arrays } = message;
      const name = nameOf(head);
      const map = el("canvas", { class: "film", role: "img", "aria-label": `The map of ${name}`, data: { name: `map of ${name}` }, onclick: () => this.how.chose(n) });
      paintMap(map, arrays.map.values, arrays.map.shape[0], arrays.map.shape[1], head.limit);
      const mark = el("span", { class: "mark", hidden: true });
      const value = el("span", { class: "value quiet", text: scaleOf(head) });
      this.parts.push({ message, mark, value });
      const title = many ? button(name, () => this.how.chose(n), { class: "plain name", "aria-pressed": String(n === chosen) }) : el("b", { class: "name", text: name });
      return el("figure", { class: "sheetmap" }, el("figcaption", {}, kernelFilm(message), title,
        many ? button("×", () => this.how.away(n), { class: "plain away", "aria-label": `Take ${name} away`, title: "Take it away" }) : null), el("div", { class: "over" }, map, mark), value);
    }));
  }

  /** Mark a pixel of the picture in every map, or none. @param {[number, number] | null} spot */
  spot(spot) {
    for (const { message, mark, value } of this.parts) {
      const { head, arrays } = message;
      const [down, across] = arrays.map.shape;
      const found = spot ? valueAt(message, spot) : null;
      mark.hidden = found === null;
      value.textContent = spot ? `here ${found === null ? "none" : number(found)}` : scaleOf(head);
      value.title = found === null ? "" : exact(found);
      if (!spot || found === null) continue;
      Object.assign(mark.style, { top: `${(100 * (spot[0] - head.corner[0])) / down}%`, left: `${(100 * (spot[1] - head.corner[1])) / across}%`, height: `${100 / down}%`, width: `${100 / across}%` });
    }
  }
}

/** @param {any} head */
const scaleOf = (head) => `scale ±${number(head.limit)}`;

/** What a sheet is called where there is little room. @param {any} head */
export const nameOf = (head) => (head.kind === "patch" ? "a patch" : head.kind === "painted" ? "painted" : head.sheet);

/** A kernel as a small sheet of film, its channels as they add up side by side. @param {Message} message @returns {HTMLElement} */
export function kernelFilm({ head, arrays }) {
  const [channels, rows, columns] = arrays.kernel.shape;
  const canvases = Array.from({ length: Math.min(3, channels) }, (_, c) => {
    const canvas = el("canvas", { class: "film", role: "img", "aria-label": channels > 1 ? `Channel ${c} of ${nameOf(head)}` : `The sheet ${nameOf(head)}`, data: { name: `sheet ${nameOf(head)}${channels > 1 ? ` ${c}` : ""}` } });
    paintMap(canvas, arrays.kernel.values, rows, columns, head.kernel_limit, c * rows * columns);
    return canvas;
  });
  return el("span", { class: channels > 1 ? "kernel several" : "kernel" }, ...canvases);
}
