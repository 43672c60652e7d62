/* The chosen sheet: what it does, its numbers and knobs, where it fits best, and what it resembles, with both maps. */

import { paintMap } from "../film.js";
import { button, el } from "../parts.js";
import { number } from "../words.js";
import { Editor, LARGEST } from "./editor.js";
import { kernelFilm, nameOf } from "./maps.js";

/** @typedef {import("../packed.js").Message} Message */

/** Below this cosine nobody would call two kernels alike; the library names no pattern either. */
const VAGUE = 0.6;

export class About {
  /**
   * @param {import("../lab.js").Lab} lab
   * @param {object} how
   * @param {() => import("./tray.js").Classic[]} how.classics
   * @param {(sheet: string, how?: { replace?: boolean }) => void} how.take  the chosen sheet becomes another
   * @param {(sheet: string) => void} how.add
   * @param {(at: [number, number]) => void} how.put  the chosen sheet is moved
   */
  constructor(lab, how) {
    this.how = how;
    this.editor = new Editor(lab, how.take);
    this.title = el("h2");
    this.words = el("p", { class: "text" });
    this.kernel = el("div", { class: "shown" });
    this.knobs = el("div", { class: "row knobs" });
    this.facts = el("div", { class: "facts" });
    this.like = el("section", { class: "like", "aria-label": "What it resembles" });
    this.node = el("section", { class: "about", "aria-label": "The chosen sheet" }, this.title, this.words, this.kernel, this.editor.node, this.knobs, this.facts);
  }

  /** @param {Message} message @param {Message | null} other the sheet that it resembles most @param {string[]} laid the sheets that lie on the picture */
  show(message, other, laid) {
    const { head, arrays } = message;
    const [channels, rows, columns] = arrays.kernel.shape;
    const name = { patch: "A patch of the picture", painted: "Painted by you" }[/** @type {string} */ (head.kind)] ?? head.sheet.split("(")[0];
    this.title.textContent = name;
    const plain = arrays.picture.shape[0] > 1 && head.kind !== "learned" ? " It lies on the picture's brightness." : "";
    this.words.textContent = `${sentence(head.about)}${plain}`;
    const paintable = channels === 1 && rows <= LARGEST && columns <= LARGEST && head.kind !== "patch";
    this.editor.node.hidden = !paintable;
    this.kernel.hidden = paintable;
    if (paintable) this.editor.show(arrays.kernel.values, rows, columns);
    else this.kernel.replaceChildren(kernelFilm(message), el("p", { class: "quiet", text: `${channels > 1 ? `${channels} channels of ` : ""}${rows}×${columns} numbers${head.kind === "patch" ? "" : channels > 1 ? ": one slice for each colour" : ", too many to paint by hand"}` }));
    this.#knobs(head.sheet);
    this.facts.replaceChildren(...facts(head), ...this.#places(head));
    this.#like(message, other, laid);
  }

  /** @param {any} head */
  #places(head) {
    if (!head.places.length) return [el("p", { class: "quiet", text: "It fits nowhere in this picture." })];
    const places = head.places.map((/** @type {[number, number, number]} */ [y, x, score], /** @type {number} */ n) =>
      button(`${n + 1}`, () => this.how.put([y, x]), { class: "place", title: `row ${y}, column ${x}: lay the sheet there`, "aria-label": `Place ${n + 1}: ${number(score)} at row ${y}, column ${x}. Lay the sheet there.` }, ));
    const said = head.places.map((/** @type {[number, number, number]} */ [, , score]) => el("span", { class: "quiet", text: number(score) }));
    return [el("div", { class: "row fits" }, el("span", { text: "It fits best at" }), ...places.flatMap((/** @type {HTMLElement} */ place, /** @type {number} */ n) => [place, said[n]]))];
  }

  /** What it resembles, beside it: both sheets and both maps. @param {Message} message @param {Message | null} other @param {string[]} laid */
  #like(message, other, laid) {
    const [near, ...more] = message.head.like;
    this.like.hidden = !near;
    if (!near) return;
    const words = `${Math.abs(near.cosine) < VAGUE ? "Not much alike, but nearest" : "It is most like"}${near.cosine < 0 ? " (as its negative)" : ""}: `;
    const add = button(laid.includes(near.sheet) ? "Lies beside it" : "Lay it beside", () => this.how.add(near.sheet), { disabled: laid.includes(near.sheet) });
    this.like.replaceChildren(el("div", { class: "stack" }, el("h3", {}, words, near.sheet),
      el("p", { class: "quiet", text: `The cosine between both is ${number(near.cosine)}: 1 is the same pattern, 0 has nothing in common, −1 is its negative.` }),
      el("div", { class: "row" }, add),
      more.length ? el("p", { class: "quiet row" }, "Then: ", ...more.map((/** @type {any} */ one) => button(`${one.sheet} ${number(one.cosine)}`, () => this.how.add(one.sheet), { class: "plain small", title: "Lay it beside" }))) : ""), other ? el("div", { class: "two" }, side(message), side(other)) : "");
  }

  /** The knobs of a classic kernel. @param {string} sheet */
  #knobs(sheet) {
    const [name, rest = ""] = sheet.split(/[()]/);
    const classic = this.how.classics().find((one) => one.name === name.trim());
    const focused = this.knobs.contains(document.activeElement) ? /** @type {HTMLInputElement} */ (document.activeElement).name : "";
    const said = Object.fromEntries(rest.split(",").map((part, n) => {
      const [key, value] = part.includes("=") ? part.split("=") : [classic?.knobs[n]?.name ?? "", part];
      return [key.trim(), value?.trim()];
    }).filter(([, value]) => value));
    this.knobs.hidden = !classic?.knobs.length;
    this.knobs.replaceChildren(...(classic?.knobs ?? []).map((knob) => {
      const value = said[knob.name] ?? knob.default ?? "";
      const input = el("input", { type: "number", name: knob.name, value, placeholder: "left to it", step: knob.odd ? 2 : knob.whole ? 1 : "any", min: knob.least ?? "" });
      input.addEventListener("change", () => {
        const all = { ...said, [knob.name]: input.value };
        const text = Object.entries(all).filter(([, one]) => one !== "").map(([key, one]) => `${key}=${one}`).join(", ");
        this.how.take(text ? `${name}(${text})` : name);
      });
      return el("label", { class: "field", title: knob.about }, knob.name, input);
    }));
    if (focused) /** @type {HTMLElement | null} */ (this.knobs.querySelector(`[name="${focused}"]`))?.focus();
  }
}

/** @param {any} head */
const facts = (head) => [
  head.formula ? el("p", { class: "quiet" }, "Formula: ", head.formula.replace(/-/g, "−")) : "",
  head.source ? el("p", { class: "quiet", text: head.source }) : "",
  head.kind === "patch" ? "" : el("p", { class: "quiet", text: "Beyond its border the picture goes on as its edge, so that the border is no edge itself." }),
].filter(Boolean);

/** A sheet over its map. @param {Message} message */
function side(message) {
  const { head, arrays } = message;
  const map = el("canvas", { class: "film", role: "img", "aria-label": `The map of ${nameOf(head)}` });
  paintMap(map, arrays.map.values, arrays.map.shape[0], arrays.map.shape[1], head.limit);
  return el("figure", {}, kernelFilm(message), map, el("figcaption", { text: `${nameOf(head)}, ±${number(head.limit)}` }));
}

/** A phrase as a sentence. @param {string} text */
const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
