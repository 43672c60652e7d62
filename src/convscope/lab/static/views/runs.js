/* Runs: all of them with their scores; some of them side by side: what differs, their curves on one scale, their first kernels. */

import { ask } from "../api.js";
import { button, el } from "../parts.js";
import { Beside } from "../train/beside.js";
import { Command } from "../train/command.js";
import { states } from "../train/states.js";
import { count, duration } from "../words.js";

const PACE = 2000;
const MOST = 8;
const FIRST = { source: "mnist", net: "lenet5-modern" };
/** @type {Record<string, string>} */
const STATUS = { finished: "done", running: "learning", stopped: "stopped", diverged: "diverged", "cut short": "cut short" };
/** @type {[string, string, (line: any) => number | string][]} */
const SORTS = [
  ["name", "run", () => 0],
  ["net", "network", (line) => line.net],
  ["source", "pictures", (line) => line.source],
  ["error", "wrong", (line) => line.test_error_percent ?? Infinity],
  ["epochs", "epochs", (line) => line.epochs],
  ["time", "time", (line) => line.train_seconds ?? Infinity],
  ["when", "when", (line) => line.written],
];

/** @param {HTMLElement} root @param {import("../lab.js").Lab} lab */
export function mount(root, lab) {
  const view = new Runs(root, lab);
  return { update: () => view.update(), leave: () => view.leave(), keys: [] };
}

class Runs {
  /** @param {HTMLElement} root @param {import("../lab.js").Lab} lab */
  constructor(root, lab) {
    this.lab = lab;
    this.left = false;
    this.timer = 0;
    this.drawn = "";
    /** @type {any[]} */
    this.lines = [];
    /** @type {any[]} */
    this.waiting = [];
    this.said = el("p", { class: "quiet", role: "status", text: "The Runs are fetched." });
    this.table = el("div", { class: "scroll", tabIndex: 0, role: "region", "aria-label": "The table of Runs" });
    this.others = el("ul", { class: "others", hidden: true });
    this.empty = el("div", { class: "none", hidden: true });
    this.beside = new Beside(lab);
    root.append(el("header", {}, el("h2", { text: "Runs" }), el("p", { class: "text", text: "A Run is a training that happened, with all that belongs to it. Tick two or more to see them side by side." })),
      this.empty, el("section", { "aria-label": "All Runs" }, this.table, this.others, this.said), this.beside.node);
    this.stop = lab.on("page", () => this.#load());
    this.#load();
    this.update();
  }

  /** The names that the link compares. */
  get chosen() {
    return (this.lab.place.more.compare ?? "").split(",").filter(Boolean);
  }

  update() {
    this.#draw();
    this.beside.show(this.chosen);
  }

  leave() {
    this.left = true;
    this.stop();
    clearTimeout(this.timer);
    this.beside.leave();
  }

  async #load() {
    clearTimeout(this.timer);
    try {
      const [lines, trainings] = await Promise.all([ask("runs"), ask("trainings")]);
      if (this.left) return;
      this.lines = lines;
      this.waiting = trainings.filter((/** @type {any} */ one) => !one.run && ["waiting", "starting", "reading"].includes(one.state));
      this.#draw();
    } catch (error) {
      this.lab.trouble(error);
    }
    if (this.waiting.length || this.lines.some(({ status }) => status === "running")) this.timer = setTimeout(() => this.#load(), PACE);
  }

  /** A Run that cannot be opened. @param {any} line */
  #damaged(line) {
    return el("li", { class: "row" }, el("b", { text: line.name }), el("span", { text: line.problem }), this.#delete(line));
  }

  #draw() {
    if (!this.lines.length) return;
    const { sort = "" } = this.lab.place.more;
    const told = JSON.stringify([this.lines, this.waiting.map((one) => [one.name, states(one)]), this.chosen, sort, this.lab.place.run]);
    if (told === this.drawn) return;
    this.drawn = told;
    const focused = /** @type {HTMLElement | null} */ (document.activeElement)?.dataset?.focus;
    const own = this.lines.filter(({ packaged }) => !packaged);
    const key = SORTS.find(([name]) => name === sort)?.[2];
    const lines = key ? [...this.lines].sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0)) : this.lines;
    if (sort === "when") lines.reverse();
    this.table.replaceChildren(el("table", {}, el("thead", {}, el("tr", {}, el("td"), ...SORTS.map(([name, title]) => this.#head(name, title, sort)), el("th", { class: "status", text: "status" }), el("td"))),
      el("tbody", {}, ...lines.filter(({ problem }) => !problem).map((line) => this.#row(line)))));
    this.others.replaceChildren(...this.waiting.map((line) => this.#waits(line)), ...lines.filter(({ problem }) => problem).map((line) => this.#damaged(line)));
    this.others.hidden = !this.others.childElementCount;
    this.said.textContent = own.length ? `${count(own.length, "Run")} of yours.` : "";
    this.#none(!own.length && !this.waiting.length);
    if (focused) /** @type {HTMLElement | null} */ (this.table.querySelector(`[data-focus="${CSS.escape(focused)}"]`))?.focus();
  }

  /** @param {string} name @param {string} title @param {string} sort */
  #head(name, title, sort) {
    const now = name === sort || (name === "name" && !sort);
    const turn = () => this.lab.go({ more: { ...this.lab.place.more, sort: name === "name" ? "" : name } }, { replace: true });
    return el("th", { class: `${["error", "epochs", "time"].includes(name) ? "n " : ""}${name}`, "aria-sort": now ? (["name", "when"].includes(name) ? "descending" : "ascending") : null },
      button(title, turn, { class: "plain", title: `Order by ${title}`, data: { focus: `sort ${name}` } }));
  }

  /** @param {any} line */
  #row(line) {
    const { name, net, source } = line;
    const tick = el("input", { type: "checkbox", checked: this.chosen.includes(name), onchange: () => this.#choose(name, tick.checked), "aria-label": `Compare ${name}`, data: { focus: `tick ${name}` } });
    const title = line.packaged ? `${name}, comes with convscope` : name;
    const open = el("a", { href: this.lab.link({ run: name, view: "draw", unit: "", picture: "", epoch: null, ops: [], more: this.lab.kept() }), text: title, title: "Look into it" });
    const small = [`${net}, ${short(source)}`, count(line.epochs, "epoch"), line.train_seconds === null ? "" : duration(line.train_seconds)].filter(Boolean).join("; ");
    return el("tr", { class: name === this.lab.place.run ? "now" : "" }, el("td", {}, tick), el("th", { scope: "row", class: "name" }, open, el("small", { class: "quiet small", text: small })),
      el("td", { class: "net", text: net }), el("td", { class: "source", text: short(source), title: source }), el("td", { class: "n error" }, ...error(line)),
      el("td", { class: "n epochs", text: line.epochs }), el("td", { class: "n time", text: line.train_seconds === null ? "" : duration(line.train_seconds) }),
      el("td", { class: "when", text: when(line.written), title: line.written }), el("td", { class: "status", text: STATUS[line.status] ?? line.status }), el("td", {}, this.#acts(line)));
  }

  /** @param {any} line */
  #acts(line) {
    const watch = el("a", { class: "button", href: this.lab.link({ view: "train", more: { ...this.lab.kept(), training: line.name } }), text: line.status === "running" ? "Watch" : "Curves", "aria-label": `${line.status === "running" ? "Watch" : "Curves"} of ${line.name}` });
    return el("div", { class: "row" }, line.resumable ? button("Resume", () => this.#resume(line.name), { "aria-label": `Resume ${line.name}` }) : "", watch, this.#delete(line));
  }

  /** @param {any} line */
  #delete(line) {
    return line.deletable ? button("Delete", () => this.#remove(line.name), { class: "plain", "aria-label": `Delete ${line.name}`, data: { focus: `delete ${line.name}` } }) : "";
  }

  /** A training whose Run has not begun. @param {any} line */
  #waits(line) {
    const watch = el("a", { class: "button", href: this.lab.link({ view: "train", more: { ...this.lab.kept(), training: line.name } }), text: "Watch", "aria-label": `Watch ${line.name}` });
    return el("li", { class: "row" }, el("span", { text: `${line.name}: ${line.net} learns ${short(line.source)}. ${states(line)}.` }), watch);
  }

  /** @param {string} name @param {boolean} yes */
  #choose(name, yes) {
    const chosen = yes ? [...this.chosen, name].slice(-MOST) : this.chosen.filter((one) => one !== name);
    this.lab.go({ more: { ...this.lab.place.more, compare: chosen.join(",") } }, { replace: true });
  }

  /** @param {string} name */
  async #resume(name) {
    try {
      await ask(`trainings/${encodeURIComponent(name)}/resume`, {}, { method: "POST" });
      this.lab.go({ view: "train", more: { ...this.lab.kept(), training: name } });
    } catch (error) {
      this.lab.trouble(error);
    }
  }

  /** @param {string} name */
  async #remove(name) {
    try {
      await ask(`runs/${encodeURIComponent(name)}`, {}, { method: "DELETE" });
      const chosen = this.chosen.filter((one) => one !== name);
      this.lab.tell("news", { text: `Run ${name} is deleted; it can be brought back for a day.`, act: "Undo", then: () => this.#restore(name) });
      const gone = this.lab.place.run === name;
      if (gone) this.lab.go({ run: "lenet5", unit: "", picture: "", epoch: null, ops: [], more: { ...this.lab.place.more, compare: chosen.join(",") } }, { replace: true });
      else if (chosen.length !== this.chosen.length) this.#choose(name, false);
      this.#again();
    } catch (error) {
      this.lab.trouble(error);
    }
  }

  /** @param {string} name */
  async #restore(name) {
    try {
      await ask(`runs/${encodeURIComponent(name)}/restore`, {}, { method: "POST" });
      this.lab.tell("news", { text: `Run ${name} is back.` });
      this.#again();
    } catch (error) {
      this.lab.trouble(error);
    }
  }

  /** The list has changed: here, in the head, and in a view of Runs that came after this one. */
  #again() {
    this.lab.tell("page");
  }

  /** Where there are no Runs of one's own: the command that makes one, and a button that runs it. @param {boolean} yes */
  #none(yes) {
    this.empty.hidden = !yes;
    if (!yes || this.empty.childElementCount) return;
    const command = new Command();
    command.show(`convscope train ${FIRST.source} --net ${FIRST.net}`);
    const start = button("Run it", async () => {
      start.disabled = true;
      try {
        const { line } = await ask("trainings", {}, { method: "POST", json: FIRST });
        this.lab.go({ view: "train", more: { ...this.lab.kept(), training: line.name } });
      } catch (error) {
        start.disabled = false;
        this.lab.trouble(error);
      }
    }, { class: "first" });
    this.empty.append(el("p", { class: "text", text: "There are no Runs of yours here yet. This makes one, in less than a minute:" }), el("div", { class: "row start" }, start, command.node));
  }
}

/** @param {any} line */
function error({ test_error_percent: wrong, test_interval_percent: interval }) {
  if (wrong === null) return ["–"];
  return [el("b", { text: `${wrong.toFixed(2)} %`, title: String(wrong) }), interval ? el("small", { class: "quiet", text: `${interval[0].toFixed(2)} to ${interval[1].toFixed(2)}` }) : ""];
}

/** @param {string} source */
const short = (source) => String(source).split("/").pop() ?? source;

/** A moment as people say it. @param {string} written */
function when(written) {
  const date = new Date(written);
  if (Number.isNaN(date.getTime())) return "";
  const today = new Date().toDateString() === date.toDateString();
  return today ? date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" }) : date.toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" });
}
