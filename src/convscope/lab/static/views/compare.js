/* Compare: the network against all the other methods: what was measured, beside what was published; and it can be measured again. */

import { Lost, Problem, ask } from "../api.js";
import { asked } from "../compare/asked.js";
import { elsewhere } from "../compare/elsewhere.js";
import { Going, live } from "../compare/going.js";
import { lone } from "../compare/lone.js";
import { Start } from "../compare/start.js";
import { Table } from "../compare/table.js";
import { button, el } from "../parts.js";
import { evidence, titled } from "../compare/words.js";

const PACE = 1000;
const FIRST = "mnist";

/** @param {HTMLElement} root @param {import("../lab.js").Lab} lab */
export function mount(root, lab) {
  const view = new Compare(root, lab);
  return { update: () => view.update(), leave: () => view.leave(), keys: [{ keys: ["k"], says: "the next kind of methods", act: () => view.turn() }] };
}

class Compare {
  /** @param {HTMLElement} root @param {import("../lab.js").Lab} lab */
  constructor(root, lab) {
    this.root = root;
    this.lab = lab;
    this.left = false;
    this.timer = 0;
    this.name = "";
    this.drawn = "";
    /** @type {any} */
    this.page = null;
    /** @type {Start | null} */
    this.start = null;
    /** @type {any} */
    this.known = null;
    /** @type {Map<string, any>} */
    this.methods = new Map();
    this.whole = "";
    /** @type {string[]} */
    this.sources = [];
    this.which = el("select", { "aria-label": "Which contest", onchange: () => this.#change({ contest: this.which.value, method: "", start: "" }) });
    this.again = button("Run again", () => this.#again(), { class: "first" });
    this.own = button("Your own pictures", () => this.#change({ start: this.lab.place.more.start === "1" ? "" : "1" }), { "aria-expanded": "false" });
    this.answer = el("p", { class: "text" });
    this.evidence = el("p", { class: "quiet evidence" });
    this.problem = el("p", { class: "problem", role: "alert", hidden: true });
    this.going = new Going(() => this.#act(`contests/${encodeURIComponent(this.name)}/stop`), () => this.#again());
    this.table = new Table((changes) => this.#change(changes, true));
    this.rest = el("div", { class: "rest" });
    this.parts = [el("header", {}, el("h2", { text: "Against all the other methods" }), el("div", { class: "row" }, this.which, this.again, this.own), this.answer), this.problem, this.going.node, this.table.node, this.evidence, this.rest];
    root.append(el("p", { class: "waiting", text: "The contests are fetched." }));
    this.stop = lab.on("theme", () => ((this.drawn = ""), this.#draw()));
    this.#open();
  }

  leave() {
    this.left = true;
    clearTimeout(this.timer);
    this.stop();
  }

  /** The methods of another kind. */
  turn() {
    const found = [.../** @type {NodeListOf<HTMLElement>} */ (this.root.querySelectorAll(".kinds button"))];
    found[(found.findIndex((one) => one.getAttribute("aria-pressed") === "true") + 1) % found.length]?.click();
  }

  async #open() {
    try {
      const [known, sources] = await Promise.all([ask("contest-parts"), ask("sources")]);
      if (this.left) return;
      this.known = known;
      this.sources = sources.map((/** @type {any} */ one) => one.name);
      this.methods = new Map(known.methods.map((/** @type {any} */ one) => [one.name, one]));
      this.start = new Start(this.lab, known, sources.filter((/** @type {any} */ one) => !one.own), (name) => this.#change({ contest: name, start: "", method: "" }));
      const [header, problem, ...rest] = this.parts;
      this.root.replaceChildren(header, problem, this.start.node, ...rest);
      this.update();
    } catch (error) {
      this.lab.trouble(error);
    }
  }

  update() {
    const { more } = this.lab.place;
    if (!this.start) return;
    this.start.show(more);
    this.own.setAttribute("aria-expanded", String(more.start === "1"));
    const name = more.contest || FIRST;
    if (name === this.name) return this.#draw();
    this.name = name;
    this.page = null;
    this.drawn = "";
    this.#list();
    this.#poll();
  }

  async #list() {
    try {
      const listed = await ask("contests");
      const there = listed.some((/** @type {any} */ one) => one.name === this.name);
      this.which.replaceChildren(...listed.map((/** @type {any} */ one) => el("option", { value: one.name, text: titled(one), disabled: Boolean(one.problem) })), there ? "" : el("option", { value: this.name, text: this.name }));
      this.which.value = this.name;
    } catch (error) {
      this.lab.trouble(error);
    }
  }

  async #poll() {
    clearTimeout(this.timer);
    const { name } = this;
    let again = false;
    try {
      const page = await ask(`contests/${encodeURIComponent(name)}`);
      if (this.left || name !== this.name) return;
      this.page = page;
      this.problem.hidden = true;
      this.#draw();
      again = live(page.going);
    } catch (error) {
      if (this.left || name !== this.name) return;
      if (error instanceof Problem) this.#wrong(error.message);
      else this.lab.trouble(error);
      again = error instanceof Lost;
    }
    if (again) this.timer = setTimeout(() => this.#poll(), PACE);
  }

  /** @param {string} why */
  #wrong(why) {
    this.problem.hidden = false;
    this.problem.textContent = `${why[0].toUpperCase()}${why.slice(1)}`;
    for (const node of [this.table.node, this.evidence, this.answer]) node.hidden = true;
    this.rest.replaceChildren();
    this.again.disabled = true;
  }

  #draw() {
    if (!this.page) return;
    const { told, going } = this.page;
    this.going.show(going);
    this.again.disabled = live(going);
    this.again.hidden = Boolean(told) && !going && !this.name.startsWith("here:") && !this.sources.includes(told.source); // its pictures do not come with convscope
    for (const node of [this.table.node, this.evidence, this.answer]) node.hidden = !told;
    if (!told) return this.rest.replaceChildren(live(going) ? "" : el("p", { class: "empty", text: "No method has ended yet." }));
    const { sort, kind, method } = this.lab.place.more;
    const drawn = JSON.stringify([told, sort, kind, method]);
    if (drawn === this.drawn) return;
    const whole = JSON.stringify(told) !== this.whole || !this.drawn;
    this.drawn = drawn;
    this.whole = JSON.stringify(told);
    this.answer.textContent = told.answer;
    this.table.show(told, { sort, kind, method }, this.methods);
    if (!whole) return;
    this.evidence.textContent = evidence(told);
    this.rest.replaceChildren(asked(told, this.known.experiments, told.evidence.command.replace(/ --experiment \S+/g, "")), lone(this.name, told), elsewhere(this.known.elsewhere));
  }

  /** @param {Record<string, string>} changes @param {boolean} [replace] */
  #change(changes, replace = false) {
    this.lab.go({ more: { ...this.lab.place.more, ...changes } }, { replace });
  }

  async #again() {
    const { told, going } = this.page ?? {};
    const source = told?.source ?? "";
    this.again.disabled = true;
    try {
      const experiments = [...(going?.command ?? told?.evidence.command ?? "").matchAll(/--experiment (\S+)/g)].map(([, name]) => name);
      const { name } = await ask("contests", {}, { method: "POST", json: { source, budget: told?.budget ?? "default", experiments } });
      if (name === this.name) this.#poll();
      else this.#change({ contest: name, method: "" });
    } catch (error) {
      this.again.disabled = false;
      this.lab.trouble(error);
    }
  }

  /** @param {string} path */
  async #act(path) {
    try {
      await ask(path, {}, { method: "POST" });
      this.#poll();
    } catch (error) {
      this.lab.trouble(error);
    }
  }
}
