/* Slide: a unit's kernel as a sheet over what is below it, and all that goes into every value of its map. */

import { Problem, address, ask } from "../api.js";
import { colour, legend, theme } from "../film.js";
import * as ink from "../ink.js";
import { el, say } from "../parts.js";
import { Fan, siblings } from "../slide/around.js";
import { Board, MapBoard } from "../slide/boards.js";
import { Chooser } from "../slide/choose.js";
import { fromText, numberOf, placeOf, within } from "../slide/places.js";
import { Rows, rowsOf } from "../slide/rows.js";
import { Scene } from "../slide/scene.js";
import { Sum, table } from "../slide/sum.js";
import { Transport } from "../slide/transport.js";
import { number } from "../words.js";

/** @typedef {import("../slide/places.js").At} At */

const LINK = 200;
const REST = 150;

/** @param {HTMLElement} root @param {import("../lab.js").Lab} lab */
export function mount(root, lab) {
  const view = new Slide(root, lab);
  return { update: () => view.update(), leave: () => view.leave(), keys: view.keys };
}

class Slide {
  /** @param {HTMLElement} root @param {import("../lab.js").Lab} lab */
  constructor(root, lab) {
    this.lab = lab;
    /** @type {At} */
    this.at = [0, 0];
    this.front = 0;
    this.filling = false;
    this.asked = "";
    /** @type {import("../api.js").Query} */
    this.query = {};
    this.linked = 0;
    /** @type {Scene | null} */
    this.scene = null;
    /** @type {Rows | null} */
    this.rows = null;
    this.frame = 0;
    this.board = new Board((at) => this.#hand(at));
    this.map = new MapBoard((at) => this.#hand(at));
    this.sum = new Sum((channel) => this.#bring(channel));
    this.fan = new Fan((channel) => this.#bring(channel));
    this.chooser = new Chooser(lab, (layer, unit) => this.#unit(layer, unit));
    this.transport = new Transport({ now: () => (this.scene ? numberOf(this.scene.head, this.at) : 0), go: (to, how) => this.#played(to, how), turned: (playing) => playing || this.#link(), sped: (speed) => this.lab.go({ more: this.#more({ speed }) }, { replace: true }) });
    this.#build(root);
    this.keys = this.#keys();
    this.leavers = [lab.on("said", () => (this.asked ? this.#siblings() : this.update())), lab.on("theme", () => this.#draw())];
    this.watch = new ResizeObserver(() => this.#draw());
    this.watch.observe(root);
    this.update();
  }

  /** @param {HTMLElement} root */
  #build(root) {
    this.title = el("h2");
    this.about = el("p", { class: "text" });
    this.problem = el("p", { class: "problem", role: "alert", hidden: true });
    this.below = el("figcaption");
    this.made = el("figcaption");
    this.others = el("div", { class: "others" });
    this.legend = el("div");
    this.card = el("a", { class: "quiet", href: "#" });
    this.save = el("a", { class: "quiet", data: { save: "gif" }, download: "", href: "#", text: "Save as GIF" });
    this.numbers = el("details", { ontoggle: () => this.#opened() }, el("summary", { text: "All numbers of this place, every digit" }), el("div", { class: "scroll", tabIndex: 0 }));
    this.left = el("section", { class: "below", "aria-label": "What the sheet lies on" }, this.below, this.fan.node, this.board.node, this.transport.node);
    this.right = el("section", { class: "made", "aria-label": "The map" }, this.made, this.map.node, el("div", { class: "row between" }, this.legend, el("div", { class: "links" }, this.card, this.save)), this.others);
    this.parts = el("div", { class: "parts", hidden: true }, this.left, this.sum.node, this.right);
    this.status = el("p", { class: "waiting", role: "status", text: "The unit is fetched." });
    root.append(el("div", { class: "top" }, el("div", { class: "words" }, this.title, this.about), this.chooser.node), this.problem, this.status, this.parts, this.numbers);
  }

  #keys() {
    /** @param {string} key @param {string} says @param {At} by */
    const arrow = (key, says, by) => ({ keys: [key], says, act: () => this.#hand([this.at[0] + by[0], this.at[1] + by[1]]) });
    return [
      arrow("ArrowLeft", "move the sheet", [0, -1]), arrow("ArrowRight", "move the sheet", [0, 1]), arrow("ArrowUp", "move the sheet", [-1, 0]), arrow("ArrowDown", "move the sheet", [1, 0]),
      { keys: [" "], says: "play, pause", act: () => this.transport.toggle() },
      { keys: [",", "."], says: "a place back, a place on, row by row", act: (/** @type {KeyboardEvent} */ event) => this.transport.step(event.key === "." ? 1 : -1) },
      { keys: ["Home", "End"], says: "first place, last place", act: (/** @type {KeyboardEvent} */ event) => this.#hand(event.key === "Home" ? [0, 0] : [1e6, 1e6]) },
      { keys: ["[", "]"], says: "the layer below, the layer above", act: (/** @type {KeyboardEvent} */ event) => this.chooser.step(event.key === "]" ? 1 : -1) },
      { keys: ["p", "n"], says: "the unit before, the next unit", act: (/** @type {KeyboardEvent} */ event) => this.chooser.next(event.key === "n" ? 1 : -1) },
      { keys: ["c"], says: "the next slice to the front", act: () => this.scene && this.#bring((this.front + 1) % this.scene.channels.length) },
    ];
  }

  /** The unit that the link names, or the first one with a kernel. */
  get unit() {
    const { lab } = this;
    if (lab.place.unit) return lab.place.unit;
    const first = lab.page.layers.find((/** @type {any} */ layer) => layer.kernels) ?? lab.page.layers[0];
    return `${lab.place.more.layer || first.name}/0`;
  }

  /** The address has changed. */
  update() {
    const { lab } = this;
    const { more } = lab.place;
    const [layer, unit] = this.#parts;
    this.chooser.show(layer, unit);
    this.numbers.open = more.numbers === "1";
    this.transport.hasten(more.speed ?? "");
    const asked = JSON.stringify([lab.place.run, lab.place.picture, lab.net(), this.unit]);
    const front = /^\d{1,6}$/.test(more.slice ?? "") ? Number(more.slice) : 0;
    if (asked !== this.asked || (this.scene && !this.scene.has(front) && front < this.scene.channels.length)) return this.#fetch(asked, front);
    if (!this.scene) return;
    const at = within(this.scene.head, fromText(more.at) ?? [0, 0]);
    if (front !== this.front && this.scene.has(front)) {
      this.front = front;
      this.at = at;
      this.#draw();
    } else if (String(at) !== String(this.at)) this.#go(at);
  }

  leave() {
    this.transport.pause();
    cancelAnimationFrame(this.frame);
    clearTimeout(this.linkSoon);
    clearTimeout(this.restSoon);
    this.watch.disconnect();
    say("");
    for (const leave of this.leavers) leave();
  }

  /** @param {string} asked @param {number} front */
  async #fetch(asked, front) {
    const { lab } = this;
    const moved = this.asked !== asked;
    this.asked = asked;
    this.transport.pause();
    try {
      const query = { picture: await this.#picture(), unit: this.unit, channel: front, ...lab.net() };
      const message = await ask(lab.path("slide"), query);
      if (asked !== this.asked) return;
      this.scene = new Scene(message);
      this.front = this.scene.has(front) ? front : this.scene.head.first;
      this.rows = new Rows(rowsOf(lab, query), this.scene.head, () => this.#soon(), (error) => lab.trouble(error));
      this.query = query;
      this.at = within(this.scene.head, fromText(lab.place.more.at) ?? [0, 0]);
      if (moved) this.filling = false;
      this.transport.reset(this.scene.places);
      this.#said("");
      this.#draw();
      this.#siblings();
    } catch (error) {
      if (asked !== this.asked) return;
      this.scene = null;
      if (error instanceof Problem) return this.#said(error.message);
      this.asked = "";
      lab.trouble(error);
    }
  }

  /** The picture as the library calls it; a seven where there is none. */
  async #picture() {
    const name = await this.lab.pictureName();
    if (name) return name;
    const kept = await ask("drawings", { width: ink.SIDE, height: ink.SIDE }, { body: new Uint8Array(ink.pixels(ink.SEVEN)) });
    return kept.picture;
  }

  /** @param {string} problem */
  #said(problem) {
    this.problem.hidden = !problem;
    this.problem.textContent = problem ? `${problem.charAt(0).toUpperCase()}${problem.slice(1)}.` : "";
    this.status.hidden = true;
    this.parts.hidden = this.numbers.hidden = Boolean(problem);
    this.title.textContent = this.unit;
    if (problem) this.about.textContent = "";
  }

  /** All that stays where it is while the sheet moves. */
  #draw() {
    const { scene, front } = this;
    if (!scene || this.parts.hidden) return;
    const { head, channels } = scene;
    this.parts.classList.toggle("whole", Boolean(scene.below));
    this.about.textContent = `${scene.sentence} ${head.says}`;
    this.below.replaceChildren(el("b", { text: scene.below ? `${head.below}, ${channels.length} values` : scene.coloured ? "picture" : channels[front] }), ` ${scene.below ? "" : head.input.slice(1).join("×")}${head.sides.some(Boolean) ? ", hatched: padding" : ""}`);
    this.made.replaceChildren(el("b", { text: head.unit }), ` ${head.size.join("×")}`);
    this.card.hidden = !this.lab.page.layers.find((/** @type {any} */ layer) => layer.name === this.#parts[0])?.kernels;
    this.card.setAttribute("href", this.lab.link({ view: "units", unit: head.unit }));
    this.card.textContent = `What ${head.unit} detects`;
    this.save.hidden = scene.places < 2;
    this.save.setAttribute("href", address(this.lab.path("slide.gif"), { ...this.query, theme: theme() }));
    this.save.setAttribute("download", `${head.unit.replace("/", "-")}.gif`);
    this.fan.show(scene, front);
    this.board.show(scene, front, this.left.clientWidth, this.#height);
    this.transport.node.style.maxWidth = `${Math.max(356, this.board.node.clientWidth)}px`;
    this.map.show(scene, this.right.clientWidth, this.board.cells.side);
    this.sum.show(scene, front, this.sum.node.clientWidth);
    this.legend.replaceChildren(legend(head.limits.value, `what ${head.unit} says`));
    this.#place();
  }

  /** What the board may take of a large window's height, so that the bar below it is seen. */
  get #height() {
    if (innerWidth < 700) return Infinity;
    const foot = document.getElementById("foot")?.offsetHeight ?? 0;
    return Math.max(280, innerHeight - foot - (this.board.node.getBoundingClientRect().top + scrollY) - 112);
  }

  /** All units of the layer. */
  #siblings() {
    const [layer, number] = this.#parts;
    if (this.scene) this.others.replaceChildren(...siblings(this.lab, layer, number, this.right.clientWidth || 240, (unit) => this.#unit(layer, unit)));
  }

  /** The unit's layer and number. @returns {[string, number]} */
  get #parts() {
    const slash = this.unit.lastIndexOf("/");
    return [this.unit.slice(0, slash), Number(this.unit.slice(slash + 1))];
  }

  /** The place in words. */
  get #words() {
    const { scene, at } = this;
    return scene ? `row ${at[0]}, column ${at[1]}: ${number(scene.value(scene.head.stages.length - 1, at))}` : "";
  }

  /** All that moves with the sheet. */
  #place() {
    const { scene, rows, at } = this;
    if (!scene || !rows) return;
    const words = this.#words;
    this.board.place(at, words);
    this.fan.place(at);
    this.map.place(at, this.filling);
    this.transport.place(numberOf(scene.head, at), words);
    this.sum.place(at, rows.at(at));
    clearTimeout(this.restSoon);
    if (this.numbers.open) this.restSoon = setTimeout(() => this.#table(), REST);
  }

  #soon() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.#place());
  }

  /** @param {At} at */
  #go(at) {
    this.at = at;
    this.#soon();
  }

  /** Moved by hand: the whole map is there to see. @param {At | null} at null: the hand lets go */
  #hand(at) {
    if (!this.scene) return;
    this.transport.pause();
    this.filling = false;
    say("");
    this.#go(at ? within(this.scene.head, at) : this.at);
    this.#link();
  }

  /** Moved by play, step or scrub: the map fills. @param {number} to @param {{ slow: boolean }} how */
  #played(to, { slow }) {
    const { scene } = this;
    if (!scene) return;
    this.filling = to < scene.places - 1;
    this.#go(placeOf(scene.head, to));
    this.#link();
    if (!slow) return;
    const fill = colour(scene.value(scene.head.stages.length - 1, this.at), scene.head.limits.value);
    requestAnimationFrame(() => this.map.drop(this.sum.chip, fill));
  }

  /** The link follows the sheet, but not at its pace. */
  #link() {
    clearTimeout(this.linkSoon);
    const wait = this.linked + LINK - performance.now();
    if (wait <= 0) this.#write();
    else this.linkSoon = setTimeout(() => this.#write(), wait);
  }

  #write() {
    this.linked = performance.now();
    this.lab.go({ more: this.#more({ at: this.at.join(",") }) }, { replace: true });
  }

  /** @param {Record<string, string>} changes */
  #more(changes) {
    const { numbers = "", slice = "", at = "", speed = "" } = this.lab.place.more;
    return { ...this.lab.kept(), slice, at, numbers, speed, ...changes };
  }

  /** @param {number} channel */
  #bring(channel) {
    this.lab.go({ more: this.#more({ at: this.at.join(","), slice: channel ? String(channel) : "" }) }, { replace: true });
  }

  /** @param {string} layer @param {number} number */
  #unit(layer, number) {
    const same = this.#parts[0] === layer;
    this.lab.go({ unit: `${layer}/${number}`, more: this.#more({ slice: "", at: same ? this.at.join(",") : "" }) });
  }

  #opened() {
    const numbers = this.numbers.open ? "1" : "";
    if ((this.lab.place.more.numbers ?? "") !== numbers) this.lab.go({ more: this.#more({ numbers }) }, { replace: true });
    if (this.numbers.open) this.#table();
  }

  #table() {
    const { scene, rows, at, front } = this;
    const sums = scene && rows?.at(at);
    if (scene && sums) this.numbers.lastElementChild.replaceChildren(table(scene, at, front, sums));
  }
}
