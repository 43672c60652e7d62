/* What was found, as a list: how many of each class, and each find as a picture with how sure the net is. */

import { address } from "../api.js";
import { el } from "../parts.js";
import { count, percent } from "../words.js";
import { tally } from "./finds.js";

/** @typedef {import("./finds.js").Box} Box */

const MOST = 200;
const SIDE = 96;
const AROUND = 0.15;

export class List {
  /** @param {{ chose: (n: number) => void, kind: (name: string) => void }} how */
  constructor(how) {
    this.how = how;
    this.kinds = el("div", { class: "row kinds", role: "group", "aria-label": "Which class" });
    this.rows = el("ol", { class: "found" });
    this.node = el("div", { class: "list" }, this.kinds, this.rows);
    this.drawn = "";
    /** Where the large picture is had. */
    this.path = "";
    this.picture = "";
  }

  /** @param {Box[]} all  those that are sure enough @param {Box[]} boxes  of them those of the class @param {number} chosen @param {string} kind */
  show(all, boxes, chosen, kind) {
    const drawn = JSON.stringify([all, kind, this.path, this.picture]);
    if (drawn !== this.drawn) {
      this.drawn = drawn;
      this.kinds.replaceChildren(...this.#tally(all, kind));
      this.rows.replaceChildren(...boxes.slice(0, MOST).map((box, n) => this.#row(box, n)), boxes.length > MOST ? el("li", { class: "quiet", text: `and ${count(boxes.length - MOST, "more", "more")}` }) : "");
    }
    for (const row of this.rows.querySelectorAll("button")) row.setAttribute("aria-pressed", String(Number(row.dataset.n) === chosen));
    const found = /** @type {HTMLElement | null} */ (this.rows.querySelector("[aria-pressed=true]"));
    if (found) this.rows.scrollTop = Math.max(0, Math.min(found.offsetTop - this.rows.offsetTop, Math.max(this.rows.scrollTop, found.offsetTop - this.rows.offsetTop - this.rows.clientHeight + found.offsetHeight)));
  }

  /** @param {Box[]} boxes @param {string} kind */
  #tally(boxes, kind) {
    const all = tally(boxes);
    if (all.length < 2 && !kind) return [];
    /** @param {string} name @param {number} many */
    const one = (name, many) => el("button", { type: "button", onclick: () => this.how.kind(name === kind ? "" : name), "aria-pressed": String(name === kind), title: count(many, "find") }, el("b", { text: name || "all" }), ` ${many}`);
    return [one("", boxes.length), ...all.map(([name, many]) => one(name, many)), kind && !all.some(([name]) => name === kind) ? one(kind, 0) : ""];
  }

  /** @param {Box} box @param {number} n */
  #row(box, n) {
    const [right, down] = [AROUND * box.width, AROUND * box.height];
    const frame = { left: box.x - right, top: box.y - down, width: box.width + 2 * right, height: box.height + 2 * down };
    const image = el("img", { loading: "lazy", alt: "", src: address(this.path, { picture: this.picture, ...frame, side: SIDE }) });
    return el("li", {}, el("button", { type: "button", class: "plain", data: { n: String(n) }, title: `${Math.round(box.width)}×${Math.round(box.height)} pixels at ${Math.round(box.x)}, ${Math.round(box.y)}`, onclick: () => this.how.chose(n) },
      image, el("b", { text: box.label }), el("span", { class: "quiet", text: percent(box.score) })));
  }
}
