/* What the operations do: the answer before and after, the accuracy over all test pictures; take back, again, reset. */

import { Latest, Problem, ask } from "../api.js";
import { button, el } from "../parts.js";
import { exact, number, percent } from "../words.js";
import { asked } from "./slow.js";

const REST = 300;
const SHOWN = 10;

export class Surgery {
  /** @param {import("../lab.js").Lab} lab @param {() => Promise<string>} picture @param {HTMLElement} looked what is looked at */
  constructor(lab, picture, looked) {
    this.lab = lab;
    this.picture = picture;
    this.question = new Latest();
    /** Lists of operations that were taken back, to be done again. @type {string[][]} */
    this.undone = [];
    this.expected = "";
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    this.asked = "";
    this.counted = "";
    this.bars = el("ul", { class: "answers both" });
    this.said = el("p", { class: "text said", role: "status" });
    this.accuracy = el("p", { class: "text accuracy", role: "status" });
    this.undoer = button("Take back", () => this.undo(), { class: "small" });
    this.redoer = button("Do again", () => this.redo(), { class: "small" });
    this.resetter = button("Reset", () => this.operate([]), { class: "small" });
    this.node = el("section", { class: "surgery", "aria-label": "What the changes do" },
      el("div", { class: "stack" }, looked, this.said, this.accuracy, el("div", { class: "row" }, this.undoer, this.redoer, this.resetter)),
      el("figure", {}, this.bars, el("figcaption", {}, el("i", { class: "before" }), " before ", el("i", { class: "after" }), " after the changes")));
  }

  leave() {
    clearTimeout(this.timer);
    this.asked = this.counted = "";
  }

  /** @param {string[]} ops @param {{ replace?: boolean, more?: Record<string, string> }} [how] */
  operate(ops, { replace = false, more } = {}) {
    this.undone = [];
    this.#go(ops, replace, more);
  }

  undo() {
    const { ops } = this.lab.place;
    if (!ops.length) return;
    this.undone.push(ops);
    this.#go(ops.slice(0, -1));
  }

  redo() {
    const ops = this.undone.pop();
    if (ops) this.#go(ops);
  }

  /** @param {string[]} ops @param {boolean} [replace] @param {Record<string, string>} [more] */
  #go(ops, replace = false, more = this.lab.place.more) {
    this.expected = ops.join(";");
    this.lab.go({ ops, more }, { replace });
  }

  update() {
    const { place } = this.lab;
    const ops = place.ops.join(";");
    if (ops !== this.expected) this.undone = []; // changed elsewhere: what was taken back fits no more
    this.expected = ops;
    this.undoer.disabled = !ops;
    this.redoer.disabled = !this.undone.length;
    this.resetter.disabled = !ops;
    this.node.classList.toggle("idle", !ops && !this.undone.length);
    if (!ops) {
      this.said.textContent = this.undone.length ? "No change is left: the network is as it was." : "Nothing is changed. Mute a unit, and see here what that does.";
      this.accuracy.textContent = "";
      this.asked = this.counted = "";
      clearTimeout(this.timer);
      return this.idle();
    }
    const net = JSON.stringify([place.run, this.lab.net()]);
    const key = JSON.stringify([net, place.picture]);
    if (key !== this.asked) this.#effect(key);
    if (net !== this.counted) this.#count(net);
  }

  /** Without changes the answer is what the page heard. */
  idle() {
    const { said, place } = this.lab;
    if (place.ops.length || !said || said.head.operations.length) return;
    const chances = Array.from(said.arrays.chances.values);
    this.#bars(said.head.classes, chances, chances, said.head.label);
  }

  /** @param {string} key */
  #effect(key) {
    this.asked = key;
    this.question.ask(async () => {
      if (key !== this.asked) return;
      try {
        const found = await ask(this.lab.path("effect"), { picture: await this.picture(), ...this.lab.net() });
        if (key === this.asked) this.#show(found);
      } catch (error) {
        if (!(error instanceof Problem)) return this.lab.trouble(error);
        this.said.textContent = `${error.message}.`;
      }
    });
  }

  /** @param {{ classes: string[], before: number[], after: number[], said_before: string, said_after: string, lead_before: number, lead_after: number, rival: string }} found */
  #show({ classes, before, after, said_before, said_after, lead_before, lead_after, rival }) {
    const same = said_before === said_after;
    this.said.replaceChildren(...(same ? ["It still says ", el("b", { text: said_after }), ". ", el("span", { title: `the score of ${said_after} above that of the next class: ${exact(lead_before)} before, ${exact(lead_after)} now` }, `Its score leads ${rival} by ${number(lead_after)}, before by ${number(lead_before)}.`)]
      : ["It said ", el("b", { text: said_before }), ", and now it says ", el("b", { class: "new", text: said_after }), `: ${percent(Math.max(...after))}.`]));
    this.#bars(classes, before, after, said_after);
  }

  /** @param {string[]} classes @param {number[]} before @param {number[]} after @param {string} said */
  #bars(classes, before, after, said) {
    const most = classes.map((_, n) => n).sort((a, b) => Math.max(before[b], after[b]) - Math.max(before[a], after[a])).slice(0, SHOWN);
    const shown = classes.length <= SHOWN ? classes.map((_, n) => n) : most;
    this.bars.replaceChildren(...shown.map((n) => {
      const fill = (/** @type {number} */ part, /** @type {string} */ name) => {
        const bar = el("i", { class: name });
        bar.style.transform = `scaleX(${part})`;
        return bar;
      };
      return el("li", { class: classes[n] === said ? "said" : "", title: `${classes[n]}: ${exact(before[n])} before, ${exact(after[n])} after` }, el("span", { class: "name", text: classes[n] }),
        el("span", { class: "track" }, fill(before[n], "before"), fill(after[n], "after")), el("span", { class: "value", text: before === after ? percent(after[n]) : `${percent(before[n])} → ${percent(after[n])}` }));
    }));
  }

  /** Count after a moment of rest: it takes longer than a slider moves. @param {string} net */
  #count(net) {
    this.counted = net;
    clearTimeout(this.timer);
    this.accuracy.textContent = this.lab.page.pictures.test ? "The accuracy is counted as soon as you rest." : "Its pictures are not here, so it cannot be counted.";
    if (!this.lab.page.pictures.test) return;
    this.timer = setTimeout(async () => {
      try {
        const found = await asked(this.lab.path("accuracy"), this.lab.net(), () => net === this.counted, (words) => (this.accuracy.textContent = words));
        if (!found) return;
        const said = (/** @type {number} */ part) => el("b", { text: `${(100 * part).toFixed(2)} %`, title: exact(part) });
        this.accuracy.replaceChildren(said(found.before), " named rightly before, ", said(found.after), ` now, of ${found.total.toLocaleString("en")} test pictures.`);
      } catch (error) {
        if (!(error instanceof Problem)) return this.lab.trouble(error);
        this.accuracy.textContent = `${error.message}.`;
      }
    }, REST);
  }
}
