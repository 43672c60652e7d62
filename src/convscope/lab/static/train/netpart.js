/* The net of a training: its text, with what is wrong marked at line and column, and its ladder beside it. */

import { Latest, ask } from "../api.js";
import { button, el } from "../parts.js";
import { count } from "../words.js";
import { svg } from "./curves.js";
import { manyLines, oneLine } from "./wanted.js";

const SIDE = 24;
const SOON = 250;

export class NetPart {
  /**
   * @param {any[]} nets  the zoo
   * @param {(net: string, typed: boolean) => void} changed  a name of the zoo, or a text on one line
   */
  constructor(nets, changed) {
    this.nets = nets;
    this.changed = changed;
    this.question = new Latest();
    this.timer = 0;
    this.net = "";
    this.problem = "";
    /** @type {{ shape: number[] | null, classes: number | null }} */
    this.pictures = { shape: null, classes: null };
    this.select = el("select", { "aria-label": "A network of the zoo", onchange: () => this.#chosen() },
      ...nets.map((net) => el("option", { value: net.name, text: net.name })), el("option", { value: "", text: "my own text" }));
    this.about = el("p", { class: "quiet" });
    this.lines = el("pre", { class: "numbers", "aria-hidden": "true" });
    this.mark = el("span", { class: "caret", hidden: true, "aria-hidden": "true" });
    this.area = el("textarea", { spellcheck: false, autocapitalize: "off", wrap: "off", "aria-label": "The network's text, a layer a line", "aria-describedby": "netproblem", oninput: () => this.#typed(), onscroll: () => this.#place() });
    this.wrong = el("p", { class: "problem", id: "netproblem", role: "alert", hidden: true });
    this.ladder = el("div", { class: "ladder scroll", tabIndex: 0, role: "region", "aria-label": "The network's ladder" });
    this.words = el("details", { ontoggle: () => this.#words() }, el("summary", { text: "The words of a network's text" }));
    this.node = el("section", { class: "net", "aria-label": "The network" }, el("h3", { text: "2 · A network" }), this.select, this.about,
      el("div", { class: "beside" }, el("div", { class: "stack" }, el("div", { class: "editor" }, this.lines, el("div", { class: "over" }, this.area, this.mark)), this.wrong, this.words), this.ladder));
  }

  /** Show a net, as the link names it. @param {string} net */
  show(net) {
    if (net === this.net) return;
    this.net = net;
    const known = this.nets.find(({ name }) => name === net);
    this.area.value = known ? known.text : manyLines(net);
    this.#told();
  }

  /** The pictures have changed. @param {number[] | null} shape @param {number | null} classes */
  fit(shape, classes) {
    if (JSON.stringify([shape, classes]) === JSON.stringify([this.pictures.shape, this.pictures.classes])) return;
    this.pictures = { shape, classes };
    this.#check();
  }

  leave() {
    clearTimeout(this.timer);
  }

  #chosen() {
    const known = this.nets.find(({ name }) => name === this.select.value);
    if (!known) return this.area.focus();
    this.area.value = known.text;
    this.net = known.name;
    this.#told();
    this.changed(this.net, false);
  }

  #typed() {
    this.#number();
    this.mark.hidden = true;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      const text = oneLine(this.area.value);
      const known = this.nets.find((net) => oneLine(net.text) === text);
      this.net = known ? known.name : text;
      this.#told();
      this.changed(this.net, true);
    }, SOON);
  }

  #told() {
    const known = this.nets.find(({ name }) => name === this.net);
    this.select.value = known ? known.name : "";
    this.about.textContent = known ? `${known.title}. ${known.source}.` : "A network of your own: a layer a line, its name first.";
    this.#number();
    this.#check();
  }

  #number() {
    const rows = this.area.value.split("\n").length;
    this.lines.textContent = Array.from({ length: rows }, (_, n) => n + 1).join("\n");
    this.area.rows = Math.max(6, Math.min(20, rows + 1));
    this.#place();
  }

  #check() {
    return this.question.ask(async () => {
      const { shape, classes } = this.pictures;
      const ladder = await ask("stack", {}, { method: "POST", json: { text: this.area.value, shape, classes } });
      if (ladder.error) this.#wrong(ladder);
      else this.#right(ladder);
    }).catch((error) => this.#wrong({ error: error.message, line: 0, column: 0 }));
  }

  /** @param {any} ladder */
  #right(ladder) {
    this.problem = "";
    this.wrong.hidden = this.mark.hidden = true;
    this.area.removeAttribute("aria-invalid");
    this.line = 0;
    const side = Math.max(ladder.input[1], ladder.input[2]);
    const rung = (/** @type {any} */ one) => el("tr", {},
      el("td", {}, box(one.output, side)),
      el("th", { scope: "row", text: one.name, title: one.text }),
      el("td", { class: "n", text: one.output.join("×") }),
      el("td", { class: "n", text: one.parameters === undefined ? "" : one.parameters.toLocaleString("en") }),
      el("td", { class: "n", text: one.field ? one.field.join("×") : "" }));
    this.ladder.replaceChildren(
      el("table", {}, el("thead", {}, el("tr", {}, el("td"), el("th", { text: "layer" }), el("th", { class: "n", text: "maps", title: "how many maps, and how large each is: rows × columns" }), el("th", { class: "n", text: "learned", title: "parameters: numbers that are learned" }), el("th", { class: "n", text: "sees", title: "receptive field: what one value sees of the picture" }))),
        el("tbody", {}, rung({ name: "input", output: ladder.input, text: "the picture" }), ...ladder.layers.map(rung))),
      el("p", {}, el("b", { text: count(ladder.parameters, "parameter") }), ` to be learned; ${count(ladder.multiply_adds, "multiplication")} a picture.`),
      ...ladder.remarks.map((/** @type {string} */ text) => el("p", { class: "quiet", text: `${text[0].toUpperCase()}${text.slice(1)}.` })));
    this.ladder.classList.remove("stale");
  }

  /** @param {{ error: string, line: number, column: number }} said */
  #wrong({ error, line, column }) {
    this.problem = error;
    this.wrong.hidden = false;
    const go = line ? button("Go there", () => this.#goTo(line, column), { class: "plain" }) : "";
    this.wrong.replaceChildren(`${error[0].toUpperCase()}${error.slice(1)}. `, go);
    this.area.setAttribute("aria-invalid", "true");
    this.ladder.classList.add("stale");
    this.line = line;
    this.column = column;
    this.#place();
  }

  /** Put the mark at the word that is wrong, and keep the line numbers beside their lines. */
  #place() {
    this.lines.style.transform = `translateY(${-this.area.scrollTop}px)`;
    const { line = 0, column = 0 } = this;
    const word = (this.area.value.split("\n")[line - 1] ?? "").slice(column - 1).match(/^[^\s|;]+/)?.[0] ?? " ";
    const style = getComputedStyle(this.area);
    const height = parseFloat(style.lineHeight);
    const top = (line - 1) * height + parseFloat(style.paddingTop) - this.area.scrollTop;
    this.mark.hidden = !line || top < 0 || top > this.area.clientHeight - height / 2;
    this.mark.style.top = `${top}px`;
    this.mark.style.left = `calc(${style.paddingLeft} + ${column - 1}ch - ${this.area.scrollLeft}px)`;
    this.mark.style.width = `${word.length}ch`;
    this.mark.style.height = `${height}px`;
  }

  /** @param {number} line @param {number} column */
  #goTo(line, column) {
    const rows = this.area.value.split("\n");
    const at = rows.slice(0, line - 1).reduce((/** @type {number} */ sum, /** @type {string} */ row) => sum + row.length + 1, 0) + column - 1;
    this.area.focus();
    this.area.setSelectionRange(at, at);
  }

  async #words() {
    if (!this.words.open || this.words.children.length > 1) return;
    const steps = await ask("steps").catch(() => ({}));
    this.words.append(el("dl", {}, ...Object.entries(steps).flatMap(([usage, says]) => [el("dt", {}, el("code", { text: usage })), el("dd", { text: says })])));
  }
}

/** A layer's maps to scale: up to four of them, one behind the other. @param {number[]} output @param {number} side of the picture */
function box([units, rows, columns], side) {
  const [height, width] = [rows, columns].map((n) => Math.min(2 * SIDE, Math.max(2, (n / side) * SIDE)));
  const sheets = Math.min(4, units);
  const [wide, high] = [width + 3 * (sheets - 1) + 2, height + 3 * (sheets - 1) + 2];
  const drawing = svg("svg", { viewBox: `0 0 ${wide} ${high}`, width: wide, height: high, "aria-hidden": "true", class: "box" });
  for (let n = sheets - 1; n >= 0; n--) drawing.append(svg("rect", { x: 1 + 3 * n, y: 1 + 3 * (sheets - 1 - n), width, height }));
  return drawing;
}
