/* Pieces that views are made of. */

import { percent } from "./words.js";

/**
 * An element. Props that begin with "on" are listeners, `class`, `text` and aria-* are what they say; null and false are left out.
 * @param {string} tag @param {Record<string, any>} [props] @param {...(Node | string | null | undefined | false)} children
 * @returns {any}
 */
export function el(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "class") made.className = value;
    else if (key === "text") made.textContent = value;
    else if (key === "data") Object.assign(made.dataset, value);
    else if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key.includes("-") || ["role", "for", "list"].includes(key)) made.setAttribute(key, value === true ? "" : value);
    else /** @type {any} */ (made)[key] = value;
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== false).map((c) => /** @type {Node | string} */ (c)));
  return made;
}

/** @param {string} text @param {(event: Event) => void} act @param {Record<string, any>} [props] @returns {HTMLButtonElement} */
export const button = (text, act, props = {}) => el("button", { type: "button", onclick: act, ...props }, text);

/**
 * A canvas with a caption that can be saved: as PNG, and where it has a pixel a number as SVG.
 * @param {HTMLCanvasElement} canvas @param {string} name @param {Node | string} [caption] @returns {HTMLElement}
 */
export function figure(canvas, name, caption) {
  canvas.setAttribute("role", "img");
  if (!canvas.hasAttribute("aria-label")) canvas.setAttribute("aria-label", name);
  canvas.dataset.name = name;
  return el("figure", { class: "picture" }, canvas, caption ? el("figcaption", {}, caption) : null);
}

/** The bars of an answer: the most likely `most` classes in a fixed order, so that the eye finds them again. */
export class Answers {
  /** @param {string[]} classes @param {number} [most] */
  constructor(classes, most = 10) {
    this.classes = classes;
    this.most = Math.min(most, classes.length);
    this.node = el("ul", { class: "answers", "aria-label": "How likely each class is" });
    /** @type {{ row: any, name: any, fill: any, value: any }[]} */
    this.rows = [];
    for (let n = 0; n < this.most; n++) {
      const parts = { name: el("span", { class: "name" }), fill: el("i"), value: el("span", { class: "value" }) };
      const row = el("li", {}, parts.name, el("span", { class: "track" }, parts.fill), parts.value);
      this.rows.push({ row, ...parts });
      this.node.append(row);
    }
  }

  /** @param {ArrayLike<number>} chances 0..1 */
  show(chances) {
    const all = Array.from(chances);
    const best = all.indexOf(Math.max(...all));
    const order = all.length <= this.most ? all.map((_, n) => n) : all.map((_, n) => n).sort((a, b) => all[b] - all[a]);
    this.rows.forEach(({ row, name, fill, value }, n) => {
      const which = order[n];
      name.textContent = this.classes[which];
      name.title = this.classes[which];
      fill.style.transform = `scaleX(${all[which]})`;
      value.textContent = percent(all[which]);
      row.classList.toggle("said", which === best);
    });
  }
}

/** @type {HTMLElement | null} */
let tip = null;

/** A word beside the pointer; "" takes it away. @param {string} text @param {{ clientX: number, clientY: number }} [at] */
export function say(text, at) {
  /** @type {HTMLElement} */
  const shown = (tip ??= document.body.appendChild(el("div", { class: "tip", role: "tooltip", hidden: true })));
  shown.hidden = !text;
  if (!text || !at) return;
  shown.textContent = text;
  shown.style.left = `${Math.min(at.clientX + 12, innerWidth - shown.offsetWidth - 8)}px`;
  shown.style.top = `${at.clientY + 16 + shown.offsetHeight > innerHeight ? at.clientY - 12 - shown.offsetHeight : at.clientY + 16}px`;
}

/** Say of a link whether it leads to where we are. @param {Element} link @param {boolean} yes */
export const current = (link, yes) => (yes ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current"));

/** Whether the reader asks for no motion. */
export const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Let the browser save something under a name. @param {Blob} blob @param {string} name */
export function download(blob, name) {
  const link = el("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
