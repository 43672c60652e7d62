/* Tools on a card: a unit's sums times a factor, another kernel, another place. Each is an operation in the link. */

import { button, el } from "../parts.js";
import { number } from "../words.js";
import { KernelSheet } from "./kernel.js";
import { edited, factor, muted, scaled, swapped, unedited } from "./ops.js";

export class Tools {
  /** @param {import("../lab.js").Lab} lab @param {any} head the card's @param {(ops: string[], how?: { replace?: boolean }) => void} operate */
  constructor(lab, head, operate) {
    this.lab = lab;
    this.operate = operate;
    this.unit = head.unit;
    /** @type {KernelSheet | null} */
    this.sheet = null;
    this.opener = button("Change it", () => lab.go({ more: { ...lab.place.more, change: this.open ? "" : "1" } }, { replace: true }), { "aria-expanded": "false" });
    this.range = el("input", { type: "range", min: -2, max: 2, step: 0.1, "aria-label": "Its sums times", oninput: () => this.#scale() });
    this.said = el("output", { class: "n" });
    this.editor = el("div", { class: "editor" });
    this.swap = el("select", { "aria-label": `Swap ${head.unit} with`, onchange: () => this.#swap() });
    const others = head.swaps.map((/** @type {number} */ k) => el("option", { value: `${head.layer}/${k}`, text: `${head.layer}/${k}` }));
    this.swap.append(el("option", { value: "", text: others.length ? "another unit" : "none hears the same maps" }), ...others);
    this.swap.disabled = !others.length;
    this.node = el("section", { class: "tools", "aria-label": `Change ${head.unit}`, hidden: true },
      el("label", { class: "field" }, el("span", {}, "Its sums times ", this.said), this.range),
      el("label", { class: "field" }, "Let it change places with", this.swap), this.editor);
  }

  get open() {
    return this.lab.place.more.change === "1";
  }

  /** @param {any} head @param {Record<string, { values: Float32Array, shape: number[] }>} arrays */
  show(head, { own }) {
    const { ops } = this.lab.place;
    const silent = muted(ops, this.unit); // there is nothing to change
    this.node.hidden = !this.open || silent;
    this.opener.disabled = silent;
    this.opener.setAttribute("aria-expanded", String(this.open));
    const by = factor(ops, this.unit);
    if (document.activeElement !== this.range || !this.scaling) this.range.value = String(by);
    this.said.textContent = number(by);
    this.swap.value = "";
    if (!this.open) return;
    if (!this.sheet) this.#build(head, own.shape);
    if (this.sheet && !this.sheet.painting) this.sheet.show(own.values);
    const back = /** @type {HTMLButtonElement | null} */ (this.editor.querySelector("button.back"));
    if (back) back.disabled = !ops.some((op) => op.startsWith(`edit:${this.unit}:`));
  }

  /** @param {any} head @param {number[]} shape */
  #build(head, [slices, rows, columns]) {
    if (!head.editable) {
      this.editor.replaceChildren(el("p", { class: "quiet text", text: `Its kernel has ${(slices * rows * columns).toLocaleString("en")} numbers: too many for a link, so it is not edited here.` }));
      return;
    }
    const names = Array.from({ length: slices }, (_, n) => head.hears[head.order.indexOf(n)].unit);
    const side = Math.max(28, Math.min(44, Math.floor((slices > 1 ? 170 : 260) / columns)));
    const change = (/** @type {Float32Array} */ values) => this.#edit(values);
    this.sheet = new KernelSheet({ slices: names.map((name) => ({ name })), size: [rows, columns], limit: head.kernel_limit, side, change });
    const whole = (/** @type {string} */ words, /** @type {(values: Float32Array) => Float32Array} */ make) => button(words, () => {
      if (!this.sheet) return;
      this.sheet.show(make(this.sheet.values));
      this.#edit(this.sheet.values);
    }, { class: "small" });
    const size = rows * columns;
    const turned = (/** @type {Float32Array} */ values) => values.map((_, k) => values[k - (k % size) + (columns - 1 - Math.floor((k % size) / columns)) + (k % columns) * columns] ?? 0);
    this.editor.replaceChildren(
      el("p", { class: "quiet text", text: `${head.normed ? "The numbers of the convolution itself, before its norm. " : ""}Click a number and type, or take a colour and paint. Shift with ↑ and ↓ changes a number by a tenth of the scale.` }),
      this.sheet.brushes(), el("div", { class: "scroll" }, this.sheet.node),
      el("div", { class: "row" }, whole("All zero", (values) => values.map(() => 0)), whole("Turn it round", (values) => values.map((value) => -value)), rows === columns ? whole("A quarter turn", turned) : null,
        button("As it was learned", () => this.operate(unedited(this.lab.place.ops, this.unit)), { class: "small back" })));
  }

  /** While a number changes the link is replaced, so that one step back undoes all of it. @param {Float32Array} values */
  #edit(values) {
    const { ops } = this.lab.place;
    this.operate(edited(ops, this.unit, values), { replace: ops.some((op) => op.startsWith(`edit:${this.unit}:`)) });
  }

  #scale() {
    const { ops } = this.lab.place;
    this.scaling = true;
    this.said.textContent = number(Number(this.range.value));
    this.operate(scaled(ops, this.unit, Number(this.range.value)), { replace: ops.some((op) => op.startsWith(`scale:${this.unit}:`)) });
  }

  #swap() {
    if (this.swap.value) this.operate(swapped(this.lab.place.ops, this.unit, this.swap.value));
  }
}
