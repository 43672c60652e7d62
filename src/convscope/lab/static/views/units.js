/* Units: the kernels of a layer, the ones first that matter most; one of them on its card; and surgery on them. */

import { Latest, Problem, ask } from "../api.js";
import { paintPicture, theme } from "../film.js";
import * as ink from "../ink.js";
import { pickPicture, randomPicture } from "../picker.js";
import { button, current, el, still } from "../parts.js";
import { count, duration } from "../words.js";
import { Card } from "../units/card.js";
import { Challenge } from "../units/challenge.js";
import { Deck } from "../units/deck.js";
import { Grid } from "../units/grid.js";
import { Plain } from "../units/plain.js";
import { waitingWords } from "../units/slow.js";
import { Surgery } from "../units/surgery.js";
import { toggled } from "../units/ops.js";

const REST = 400;
const NOTHING = { layer: "", order: "", net: "" };

/** The view as it was left: who comes back finds it so. @type {Units | null} */
let left = null;

/** @param {HTMLElement} root @param {import("../lab.js").Lab} lab */
export function mount(root, lab) {
  const view = left?.fits() ? left : (left = new Units(lab));
  view.enter(root);
  return { update: () => view.update(), leave: () => view.leave(), keys: view.keys };
}

class Units {
  /** @param {import("../lab.js").Lab} lab */
  constructor(lab) {
    this.lab = lab;
    this.page = lab.page;
    this.theme = theme();
    this.question = new Latest();
    /** @type {Promise<string> | undefined} */
    this.seven = undefined;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    /** The unit whose card is open; null: nothing was shown yet. @type {string | null} */
    this.opened = null;
    /** Whether the set is asked although that takes long. */
    this.find = false;
    this.asked = NOTHING;
    /** What the grid shows in full. */
    this.shown = NOTHING;
    const picture = () => this.#picture();
    this.thumb = el("canvas", { class: "photo", role: "img", "aria-label": "the picture" });
    this.says = el("span");
    const pick = lab.page.pictures.test ? [button("Pick", () => pickPicture(lab, (chosen) => lab.go({ picture: chosen })), { class: "small" }), button("Random", () => lab.go({ picture: randomPicture(lab) }), { class: "small" })] : [];
    this.dare = button("A challenge", () => this.challenge.begin(), { class: "small" });
    this.surgery = new Surgery(lab, picture, el("div", { class: "looked" }, this.thumb, el("div", {}, this.says, el("div", { class: "row" }, ...pick, this.dare))));
    this.challenge = new Challenge(lab, picture);
    const operate = (/** @type {string[]} */ ops, /** @type {{ replace?: boolean }} */ how = {}) => this.surgery.operate(ops, { ...how, more: this.challenge.counted(ops) });
    this.operate = operate;
    this.grid = new Grid(lab, operate, () => this.#more());
    this.plain = new Plain(lab);
    this.card = new Deck(lab, () => new Card(lab, operate, picture));
    this.title = el("h2");
    this.about = el("p", { class: "text quiet" });
    this.layers = el("nav", { class: "layers-nav", "aria-label": "Layers" });
    this.by = el("div", { class: "row by", role: "group", "aria-label": "Ranked for" });
    this.problem = el("p", { class: "problem", hidden: true });
    this.body = el("div", { class: "body" }, el("section", { class: "all", "aria-label": "The units of the layer" }, this.grid.node, this.plain.node), this.card.node);
    this.nodes = [
      el("header", {}, el("div", { class: "stack" }, this.layers, this.title, this.about, this.by, this.grid.scale, this.challenge.node), this.surgery.node), this.problem, this.body];
    /** @type {(() => void)[]} */
    this.leavers = [];
    this.keys = [
      { keys: ["m"], says: "mute the unit, or let it speak again", act: () => this.#mute() },
      { keys: ["z"], says: "take back the last change", act: () => this.surgery.undo() },
      { keys: ["y"], says: "do it again", act: () => this.surgery.redo() },
      { keys: ["r"], says: "a random picture", act: () => lab.page.pictures.test && lab.go({ picture: randomPicture(lab) }) },
      { keys: ["Escape"], says: "close the card", act: () => this.#close() },
    ];
  }

  /** Whether what was left is still true: the same Run, no longer trained, in the same colours. */
  fits() {
    return this.page === this.lab.page && this.page.line.status !== "running" && this.theme === theme();
  }

  /** @param {HTMLElement} root */
  enter(root) {
    const { lab } = this;
    root.append(...this.nodes);
    this.leavers = [lab.on("said", () => this.#said()), lab.on("theme", () => this.#theme())];
    this.asked = this.shown;
    this.opened = null;
    this.grid.enter();
    this.#said();
    this.update();
  }

  /** What the library calls the picture; where none is named and no set is here, a seven drawn by hand. @returns {Promise<string>} */
  async #picture() {
    const name = await this.lab.pictureName();
    if (name) return name;
    this.seven ??= ask("drawings", { width: ink.SIDE, height: ink.SIDE }, { body: new Uint8Array(ink.pixels(ink.SEVEN)) }).then((kept) => kept.picture);
    return this.seven;
  }

  /** The layer that is looked at: the unit's, the one that the link names, or the first with kernels. */
  get layer() {
    const { page, place } = this.lab;
    const name = place.unit.split("/").slice(0, -1).join("/") || place.more.layer;
    return page.layers.find((/** @type {any} */ one) => one.name === name) ?? page.layers.find((/** @type {any} */ one) => one.kernels) ?? page.layers[0];
  }

  /** What the units are ranked for; while the challenge has not come to that hint, for nothing. */
  get ranking() {
    if (this.challenge.hides) return "number";
    return this.lab.place.more.by === "set" ? "set" : "picture";
  }

  leave() {
    clearTimeout(this.timer);
    for (const part of [this.grid, this.card, this.surgery, this.challenge]) part.leave();
    for (const leave of this.leavers) leave();
    this.asked = NOTHING;
  }

  update() {
    const { lab, layer } = this;
    const { place } = lab;
    this.#head(layer);
    this.surgery.update();
    this.challenge.update();
    this.dare.hidden = this.about.hidden = this.challenge.on;
    const open = Boolean(place.unit) && layer.kernels;
    this.body.classList.toggle("opened", open);
    this.card.node.hidden = !open;
    if (open) this.card.update();
    else this.card.leave();
    this.grid.node.hidden = !layer.kernels;
    this.grid.scale.hidden = !layer.kernels || open;
    this.by.hidden = !layer.kernels || this.challenge.hides;
    this.plain.node.hidden = layer.kernels;
    if (layer.kernels) this.#units(layer);
    else this.plain.show(layer.name);
    this.grid.mark();
    if (open && place.unit !== this.opened && this.opened !== null) this.#show(place.unit);
    this.opened = open ? place.unit : "";
  }

  /** Another card was opened: see that it is seen, and its tile in the grid beside it. @param {string} unit */
  #show(unit) {
    const { node } = this.card;
    const { top } = node.getBoundingClientRect();
    if (top < 0 || top > innerHeight / 2) node.scrollIntoView({ block: "start", behavior: still() ? "auto" : "smooth" });
    const tile = this.grid.tile(unit);
    const list = this.grid.node.parentElement;
    if (tile && list && list.scrollHeight > list.clientHeight) list.scrollTop += tile.getBoundingClientRect().top - list.getBoundingClientRect().top - list.clientHeight / 3;
  }

  /** @param {any} layer */
  #head(layer) {
    const { lab } = this;
    const { page, place } = lab;
    if (this.layers.children.length !== page.layers.length)
      this.layers.replaceChildren(...page.layers.map((/** @type {any} */ one) => el("a", { text: one.name, title: `${one.units} × ${one.size.join("×")}, ${one.text}`, data: { layer: one.name } })));
    for (const link of this.layers.children) {
      const { layer: name = "" } = /** @type {HTMLElement} */ (link).dataset;
      link.setAttribute("href", lab.link({ view: "units", unit: "", more: { ...place.more, layer: name, change: "" } }));
      current(link, name === layer.name);
    }
    const many = layer.kernels ? count(layer.units, "kernel") : count(layer.units, "unit");
    this.title.textContent = `${layer.name}: ${many}`;
    const sees = layer.field[0] >= page.input[1] && layer.field[1] >= page.input[2] ? "all of the picture" : `${layer.field.join("×")} pixels of the picture`;
    this.about.textContent = layer.kernels ? `Each kernel has ${layer.kernel.join("×")} numbers for each map that it hears, and makes a map of ${layer.size.join("×")}. Each value of it sees ${sees}.` : layer.text;
    const way = (/** @type {string} */ by, /** @type {string} */ text) => button(text, () => lab.go({ more: { ...place.more, layer: layer.name, by: by === "set" ? by : "" } }, { replace: true }), { "aria-pressed": String(this.ranking === by), class: "small" });
    if (document.activeElement?.parentElement !== this.by || this.by.dataset.by !== this.ranking) {
      const focused = document.activeElement?.parentElement === this.by;
      this.by.replaceChildren(el("span", { class: "quiet", text: "Ranked for" }), way("picture", "this picture"), way("set", "the whole set"));
      if (focused) /** @type {HTMLElement | null} */ (this.by.querySelector('[aria-pressed="true"]'))?.focus();
    }
    this.by.dataset.by = this.ranking;
  }

  /** Ask for what has changed: at once the films, and after a rest the order and the words. @param {any} layer */
  #units(layer) {
    const { place } = this.lab;
    const now = { layer: JSON.stringify([place.run, layer.name]), order: JSON.stringify([this.ranking, place.picture]), net: JSON.stringify(this.lab.net()) };
    const before = this.asked;
    this.asked = now;
    if (now.layer !== before.layer || now.net !== before.net || now.order !== before.order) this.find = false;
    if (now.layer !== before.layer) this.grid.clear();
    if (now.layer !== before.layer || now.order !== before.order) {
      clearTimeout(this.timer);
      return this.#ask(layer, now, 0);
    }
    if (now.net === before.net) return;
    this.question.ask(() => this.#fetch(now, { layer: layer.name, only: this.grid.order.slice(0, 48).join(",") }, (message) => this.grid.repaint(message)));
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#ask(layer, this.asked, 0), REST);
  }

  /** @param {any} layer @param {any} now @param {number} start */
  #ask(layer, now, start) {
    this.question.ask(() => this.#fetch(now, { layer: layer.name, by: this.ranking, start, find: this.find }, (message) => {
      this.grid.show(message);
      this.shown = message.head.waiting ? NOTHING : now;
      const { waiting, missing, seconds } = message.head;
      this.grid.words.textContent = waiting ? waitingWords(waiting) : missing ? `Missing: ${missing}.` : this.grid.words.textContent;
      if (seconds) this.grid.offer(`This network was not asked about the whole set yet, so its units come in their own order. To ask it may take about ${duration(seconds)}.`, () => ((this.find = true), this.#ask(layer, now, 0)));
      if (waiting) this.timer = setTimeout(() => this.asked === now && this.#ask(layer, now, 0), REST);
    }));
  }

  /** @param {any} now @param {import("../api.js").Query} query @param {(message: import("../packed.js").Message) => void} show */
  async #fetch(now, query, show) {
    try {
      const message = await ask(this.lab.path("units"), { ...query, picture: await this.#picture(), ...this.lab.net() });
      if (this.asked.layer !== now.layer) return;
      this.problem.hidden = true;
      show(message);
    } catch (error) {
      if (!(error instanceof Problem)) return this.lab.trouble(error);
      this.problem.hidden = false;
      this.problem.textContent = `${error.message[0].toUpperCase()}${error.message.slice(1)}.`;
    }
  }

  /** The next units, as one comes to the end of the list. */
  #more() {
    if (this.grid.order.length && this.grid.order.length < this.grid.total && this.layer.kernels) this.#ask(this.layer, this.asked, this.grid.order.length);
  }

  #said() {
    const { said } = this.lab;
    if (!said) return;
    paintPicture(this.thumb, said.arrays.picture.values, /** @type {[number, number, number]} */ (said.arrays.picture.shape));
    this.says.replaceChildren("The network says ", el("b", { text: said.head.label }));
    this.card.paintPicture();
    this.surgery.idle();
    if (this.challenge.on) this.challenge.show();
    if (!this.layer.kernels) this.plain.show(this.layer.name);
  }

  #theme() {
    this.#said();
    this.theme = theme();
    this.asked = this.shown = NOTHING;
    this.card.clear();
    this.plain.shape = "";
    this.update();
  }

  #mute() {
    const open = /** @type {HTMLElement | null} */ (document.activeElement?.closest(".tile"));
    const unit = open ? open.querySelector("b")?.textContent : this.lab.place.unit;
    if (unit) this.operate(toggled(this.lab.place.ops, unit));
  }

  #close() {
    const { unit } = this.lab.place;
    if (!unit) return;
    const inside = this.card.node.contains(document.activeElement);
    this.lab.go({ unit: "", more: { ...this.lab.place.more, layer: this.layer.name, change: "" } });
    if (inside) /** @type {HTMLElement | null} */ (this.grid.tile(unit)?.querySelector("a"))?.focus();
  }
}
