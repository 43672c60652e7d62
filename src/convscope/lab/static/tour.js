/* The tour: a panel beside the views. A chapter is a place, a few sentences, and something to do. */

import { figuresOf } from "./compare/tourfigures.js";
import { button, el, still } from "./parts.js";
import { CHAPTERS } from "./tourtext.js";

export class Tour {
  /** @param {HTMLElement} node @param {import("./lab.js").Lab} lab */
  constructor(node, lab) {
    this.node = node;
    this.lab = lab;
    this.chapter = -1;
    this.start = lab.place;
    /** The Run that the tour is about. */
    this.run = "lenet5";
    /** @type {Set<number>} */
    this.done = new Set();
    lab.on("place", (before) => this.#place(before));
  }

  /** The number of the chapter that the link names, from 0, or -1. */
  get wanted() {
    const number = Number(this.lab.place.more.tour ?? 0);
    return Number.isInteger(number) && number >= 1 && number <= CHAPTERS.length ? number - 1 : -1;
  }

  /** Begin a chapter: go to its place, in the Run of the chapter before where it needs none of its own. @param {number} n */
  begin(n) {
    const { more = {}, ...place } = CHAPTERS[n].place;
    const { run } = this.lab.place;
    if (!CHAPTERS.some((chapter) => chapter.place.run === run)) this.run = run;
    this.lab.go({ run: this.run, ...place, more: { ...more, tour: String(n + 1) } });
  }

  end() {
    const { tour: _, ...more } = this.lab.place.more;
    this.lab.go({ more });
  }

  /** @param {import("./link.js").Place} before */
  #place(before) {
    const wanted = this.wanted;
    this.node.hidden = wanted < 0;
    document.body.classList.toggle("touring", wanted >= 0);
    if (wanted !== this.chapter) {
      this.chapter = wanted;
      this.start = this.lab.place;
      if (wanted >= 0) this.#show();
      return;
    }
    if (wanted < 0 || this.done.has(wanted)) return;
    if (!CHAPTERS[wanted].done(this.lab.place, before ?? this.start, this.start)) return;
    this.done.add(wanted);
    this.#show();
  }

  #show() {
    const n = this.chapter;
    const { title, text, task, praise, figures } = CHAPTERS[n];
    const done = this.done.has(n);
    const steps = el("ol", { class: "steps", "aria-label": "Chapters" }, ...CHAPTERS.map((chapter, k) => el("li", {},
      button(String(k + 1), () => this.begin(k), { title: chapter.title, "aria-label": `Chapter ${k + 1}: ${chapter.title}`, "aria-current": k === n ? "step" : null, class: this.done.has(k) ? "plain done" : "plain" }))));
    this.node.replaceChildren(
      el("div", { class: "row between" }, steps, button("End", () => this.end(), { class: "plain", "aria-label": "End the tour" })),
      el("h2", { text: title }), ...text.map((sentence) => el("p", { class: "text" }, ...marked(sentence))),
      figures ? this.#figures(figures) : "",
      el("div", { class: "task", role: "status" }, el("p", {}, el("b", { text: done ? "Done. " : "Now you: " }), done ? praise : task)),
      el("div", { class: "row" }, n ? button("Back", () => this.begin(n - 1)) : null,
        n + 1 < CHAPTERS.length ? button(`Next: ${CHAPTERS[n + 1].title}`, () => this.begin(n + 1), { class: done ? "first" : "" }) : button("End the tour", () => this.end(), { class: done ? "first" : "" })));
    if (innerWidth < 992) this.node.scrollIntoView({ behavior: still() ? "auto" : "smooth" });
  }

  /** Errors as they were published and as they were measured, out of the results that come with convscope. @param {import("./compare/tourfigures.js").Figures} wanted */
  #figures(wanted) {
    const node = el("figure", { class: "figures" }, el("p", { class: "waiting", text: "The figures are fetched." }));
    const link = this.lab.link({ view: "compare", unit: "", more: { ...this.lab.kept(), contest: wanted.contest } });
    figuresOf(wanted, link).then((parts) => node.replaceChildren(...parts), () => node.replaceChildren(el("p", { class: "empty", text: "The figures are not here." })));
    return node;
  }
}

/** A sentence with its terms marked. @param {string} sentence */
function marked(sentence) {
  return sentence.split(/\[([^\]]+)\]/).map((part, n) => (n % 2 ? el("dfn", { text: part }) : part));
}
