/* A unit's card: all that the library computes about it. What is at hand comes at once, what takes long when it is there. */

import { Latest, Problem, ask } from "../api.js";
import { legend, paintMap, paintPicture } from "../film.js";
import { button, el, figure } from "../parts.js";
import { count, duration, exact, number, percent } from "../words.js";
import * as facts from "./facts.js";
import { KernelSheet, NUMBERS_FROM } from "./kernel.js";
import { asked } from "./slow.js";
import { Tools } from "./tools.js";
import { muted, toggled } from "./ops.js";

/** @typedef {import("../packed.js").Message} Message */

const REST = 350;
const SLICES = 6;
const KEPT = 24;
/** @type {Record<string, string>} */
const TITLES = { patches: "what it answers to the training pictures", muted: "the accuracy without it", favourite: "the picture that it likes best" };

export class Card {
  /** @param {import("../lab.js").Lab} lab @param {(ops: string[], how?: { replace?: boolean }) => void} operate @param {() => Promise<string>} picture */
  constructor(lab, operate, picture) {
    this.lab = lab;
    this.operate = operate;
    this.picture = picture;
    this.question = new Latest();
    /** @type {Message | null} */
    this.message = null;
    this.key = "";
    /** Parts that came later, of this key. @type {Map<string, Message>} */
    this.parts = new Map();
    /** What was seen of this unit already, by its keys. @type {Map<string, { message: Message, parts: Map<string, Message> }>} */
    this.known = new Map();
    /** The key of what is shown in full. */
    this.shown = "";
    this.every = false;
    this.numbers = false;
    this.node = el("article", { class: "card", tabIndex: -1 });
    /** @type {{ unit: string, shape: string } | null} */
    this.built = null;
    /** Of which unit and picture the history is that came. */
    this.past = "";
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    this.map = el("canvas", { class: "film" });
    facts.pointed(this.map, () => this.message?.arrays.map.values ?? [], (spot) => this.#look(spot));
    this.seen = el("canvas", { class: "photo" });
    this.field = el("span", { class: "mark", hidden: true });
    this.mapWords = el("span");
    this.caption = el("p", { class: "text caption" });
    this.why = el("p", { class: "text quiet" });
    this.mute = button("Mute", () => this.message && this.operate(toggled(this.lab.place.ops, this.message.head.unit)));
    this.sheetBox = el("div", { class: "stack" });
    this.sheetKey = "";
    /** @type {KernelSheet | null} */
    this.sheet = null;
    this.scale = el("div", { class: "scales" });
    /** @type {Tools | null} */
    this.tools = null;
    const wide = () => el("section", { class: "wide" });
    this.places = { history: wide(), patches: wide(), classes: el("section"), made: el("section"), wires: wide(), owed: wide() };
  }

  leave() {
    clearTimeout(this.timer);
    this.key = "";
  }

  /** The address has changed. */
  update() {
    const { place } = this.lab;
    const key = JSON.stringify([place.run, place.unit, place.picture, this.lab.net()]);
    if (key === this.key) return this.#again();
    this.key = key;
    clearTimeout(this.timer);
    if (key === this.shown) {
      this.#again();
      this.paintPicture();
      return this.#fetchParts(key);
    }
    const known = this.known.get(key);
    if (known) return this.show(known.message, key, known.parts);
    if (this.built?.unit !== place.unit) {
      this.built = null;
      this.every = false;
      this.node.replaceChildren(el("h2", { text: place.unit }), el("p", { class: "waiting", text: "Its card is put together." }));
    }
    this.question.ask(async () => {
      try {
        if (key !== this.key) return;
        const message = await ask(this.lab.path("card"), { unit: place.unit, picture: await this.picture(), ...this.lab.net() });
        if (key !== this.key) return;
        this.show(message, key);
      } catch (error) {
        if (!(error instanceof Problem) || key !== this.key) return this.lab.trouble(error);
        this.node.replaceChildren(el("h2", { text: place.unit }), el("p", { class: "problem", text: `${error.message[0].toUpperCase()}${error.message.slice(1)}.` }));
      }
    });
  }

  /** The same card, of which the link says something else: whether its tools are open. */
  #again() {
    if (this.message && this.built) this.tools?.show(this.message.head, /** @type {any} */ (this.message.arrays));
  }

  /** A card: of another unit all of it; of the same one at once its kernel and map, and the rest when nothing moves any more.
   *  @param {Message} message @param {string} key @param {Map<string, Message>} [parts] those that are known */
  show(message, key, parts = new Map()) {
    this.message = message;
    this.shown = "";
    const { head, arrays } = message;
    const shape = JSON.stringify([arrays.kernel.shape, arrays.map.shape, head.swaps.length]);
    const fresh = this.built === null || this.built.unit !== head.unit || this.built.shape !== shape;
    const history = this.past === JSON.stringify([this.lab.place.run, head.unit, this.lab.place.picture]) ? this.parts.get("history") : null;
    this.past = JSON.stringify([this.lab.place.run, head.unit, this.lab.place.picture]);
    if (fresh) this.#build();
    this.built = { unit: head.unit, shape };
    if (history && !parts.has("history")) parts.set("history", history);
    this.known.delete(key);
    if (this.lab.page.line.status !== "running") this.known.set(key, { message, parts });
    if (this.known.size > KEPT) this.known.delete(/** @type {string} */ (this.known.keys().next().value));
    this.parts = parts;
    const rest = () => {
      if (key !== this.key) return;
      this.#fill();
      if (this.lab.page.line.status !== "running") this.shown = key;
      this.#fetchParts(key);
    };
    if (fresh) return rest();
    this.#quick();
    this.#epoch();
    this.timer = setTimeout(rest, REST);
  }

  #build() {
    const { head, arrays } = /** @type {Message} */ (this.message);
    const layer = this.lab.page.layers.find((/** @type {any} */ one) => one.name === head.layer);
    this.sheetKey = "";
    this.field.hidden = true;
    const tools = (this.tools = new Tools(this.lab, head, this.operate));
    for (const place of Object.values(this.places)) place.replaceChildren();
    const { unit, number: n, units } = head;
    const step = (/** @type {number} */ by, /** @type {string} */ text, /** @type {string} */ name) => (n + by >= 0 && n + by < units ? el("a", { class: "button", href: this.lab.link({ view: "units", unit: `${head.layer}/${n + by}` }), "aria-label": name, title: name }, text) : null);
    const [rows, columns] = arrays.map.shape;
    this.node.setAttribute("aria-label", `The card of ${unit}`);
    this.node.replaceChildren(
      el("header", {}, el("h2", { text: unit }), el("span", { class: "quiet", text: `unit ${n + 1} of ${units}` }),
        el("span", { class: "row steps" }, step(-1, "‹", "The unit before"), step(1, "›", "The next unit"), el("a", { class: "button", href: this.lab.link({ view: "units", unit: "", more: { ...this.lab.place.more, layer: head.layer } }), "aria-label": "Close the card", title: "Close the card" }, "×"))),
      this.caption, this.why,
      el("div", { class: "row" }, this.mute, tools.opener, el("a", { class: "button", href: this.lab.link({ view: "slide", unit }) }, "Watch it slide")),
      tools.node,
      el("div", { class: "two" },
        el("section", {}, el("h3", { text: "Its kernel" }), this.sheetBox, this.scale),
        el("section", {}, el("h3", { text: "On this picture" }), el("div", { class: "onpicture" }, figure(facts.sized(this.map, rows * columns === 1 ? 48 : 168, `map of ${unit}`), `map of ${unit}`, this.mapWords),
          el("figure", { class: "picture" }, el("div", { class: "over" }, this.seen, this.field), el("figcaption", { text: rows * columns === 1 ? "It sees all of the picture at once." : `Point at the map: each value sees ${layer.field.join("×")} pixels.` }))))),
      el("div", { class: "parts" }, ...Object.values(this.places)));
  }

  /** All that is known, into its places. */
  #fill() {
    this.#quick();
    this.#patches();
    this.#wires();
    this.#made();
    this.#owed();
    this.#epoch();
  }

  /** A part that came later, into its place. @param {string} part */
  #came(part) {
    if (part === "patches") this.#caption();
    const places = /** @type {Record<string, () => void>} */ ({ patches: () => this.#patches(), muted: () => this.#patches(), favourite: () => this.#made(), owed: () => this.#owed(), history: () => this.#epoch() });
    places[part]();
  }

  #caption() {
    const { head } = /** @type {Message} */ (this.message);
    const caption = muted(this.lab.place.ops, head.unit) ? "silent" : [head.pattern, this.parts.get("patches")?.head.habits ?? head.habits].filter(Boolean).join("; ");
    this.caption.textContent = `${caption[0].toUpperCase()}${caption.slice(1)}.`;
  }

  /** What follows a hand that moves. */
  #quick() {
    const { head, arrays } = /** @type {Message} */ (this.message);
    const silent = muted(this.lab.place.ops, head.unit);
    this.node.classList.toggle("silent", silent);
    this.#caption();
    this.why.textContent = silent ? "It is muted: all its sums are zero. Unmute it to see its kernel again." : head.muting ? `On this picture: ${head.muting.why}.` : "";
    this.mute.textContent = silent ? "Unmute" : "Mute";
    this.mute.setAttribute("aria-pressed", String(silent));
    this.#sheet();
    this.tools?.show(head, /** @type {any} */ (arrays));
    const [rows, columns] = arrays.map.shape;
    paintMap(this.map, arrays.map.values, rows, columns, head.map_limit);
    facts.sized(this.map, rows * columns === 1 ? 48 : 168, `map of ${head.unit}`);
    this.mapWords.textContent = rows * columns === 1 ? `its one value: ${number(head.high)}` : `its sums, ${number(head.low)} to ${number(head.high)}`;
    this.mapWords.title = `${exact(head.low)} to ${exact(head.high)}`;
    this.paintPicture();
  }

  #sheet() {
    const { head, arrays } = /** @type {Message} */ (this.message);
    const [slices, rows, columns] = arrays.kernel.shape;
    const shown = this.every ? slices : Math.min(slices, SLICES);
    const room = slices === 1 ? 224 : slices <= 3 || this.numbers ? 170 : 88;
    const side = Math.max(this.numbers ? 34 : 6, Math.min(slices === 1 ? 44 : 34, Math.floor(room / columns)));
    const key = JSON.stringify([head.hears.slice(0, shown).map((/** @type {any} */ one) => one.unit), head.kernel_limit, side]);
    if (key === this.sheetKey && this.sheet) return this.sheet.show(arrays.kernel.values.slice(0, shown * rows * columns));
    this.sheetKey = key;
    const sheet = (this.sheet = new KernelSheet({ slices: head.hears.slice(0, shown).map((/** @type {any} */ one) => ({ name: one.unit, href: /\/\d+$/.test(one.unit) ? this.lab.link({ view: "units", unit: one.unit }) : "" })), size: [rows, columns], limit: head.kernel_limit, side }));
    sheet.show(arrays.kernel.values.slice(0, shown * rows * columns));
    this.sheetBox.replaceChildren(sheet.node,
      el("div", { class: "row" }, slices > SLICES ? button(this.every ? "Only the foremost" : `All ${slices} slices`, () => ((this.every = !this.every), this.#sheet()), { class: "small" }) : null,
        this.numbers || side < NUMBERS_FROM ? button(this.numbers ? "Without numbers" : "With numbers", () => ((this.numbers = !this.numbers), this.#sheet()), { class: "small" }) : null),
      el("p", { class: "quiet" }, slices > 1 ? `${count(slices, "slice")}, one for each map that it hears, foremost first. ` : "", head.bias === null ? "" : el("span", { title: exact(head.bias), text: `Bias ${number(head.bias)}, added to each sum. ` }), head.normed ? "Behind its norm: as it works." : ""));
    this.scale.replaceChildren(legend(head.kernel_limit, "the kernel's numbers"), legend(head.map_limit, "its sums"));
  }

  paintPicture() {
    const said = this.lab.said;
    if (!said) return;
    paintPicture(this.seen, said.arrays.picture.values, /** @type {[number, number, number]} */ (said.arrays.picture.shape));
    facts.sized(this.seen, 168, "the picture");
  }

  /** What a value sees of the picture, as a frame on it. @param {{ row: number, column: number } | null} spot */
  #look(spot) {
    const layer = this.lab.page.layers.find((/** @type {any} */ one) => one.name === this.message?.head.layer);
    this.field.hidden = !spot || !layer;
    if (!spot || !layer || !this.message) return;
    const [high, wide] = this.message.head.map_size;
    const [, rows, columns] = this.lab.page.input;
    const at = [Math.floor((spot.row * high) / this.map.height), Math.floor((spot.column * wide) / this.map.width)];
    const start = [0, 1].map((axis) => layer.first[axis] + layer.jump[axis] * at[axis]);
    const end = start.map((first, axis) => Math.min(axis ? columns : rows, first + layer.field[axis]));
    const [top, left] = start.map((first) => Math.max(0, first));
    Object.assign(this.field.style, { top: `${(100 * top) / rows}%`, left: `${(100 * left) / columns}%`, height: `${(100 * (end[0] - top)) / rows}%`, width: `${(100 * (end[1] - left)) / columns}%` });
  }

  #patches() {
    const { places, lab } = this;
    const message = /** @type {Message} */ (this.message);
    const from = message.head.seen ? message : this.parts.get("patches");
    const accuracy = message.head.muted ?? this.parts.get("muted")?.head.muted;
    const pick = (/** @type {string} */ picture) => lab.go({ picture });
    places.patches.replaceChildren(...(from ? [
      el("h3", { text: "What it likes best" }), facts.patches(from.head.best, from.arrays, "best", message.head.unit, pick),
      el("h3", { text: "What it likes least" }), facts.patches(from.head.least, from.arrays, "least", message.head.unit, pick),
      el("p", { class: "quiet text", text: `Of ${from.head.seen.total.toLocaleString("en")} training pictures those with its highest and its lowest sums, cut to what it sees. Click one to look at it.` }),
    ] : [el("h3", { text: "What it likes best" }), this.#absent("patches")]));
    places.classes.replaceChildren(...(from ? [el("h3", { text: "When it fires" }), facts.classes(from.head.seen),
      el("p", { class: "quiet text", text: "It fires on a picture where its highest sum is more than half of its highest on any. " + (from.head.seen.told >= 0.05 ? `The class explains ${percent(from.head.seen.told)} of how its answers vary.` : "Its answers hardly depend on the class.") })] : []),
      el("h3", { text: "Without it" }), accuracy ? el("p", { class: "text" }, el("b", { text: `${(100 * accuracy.without).toFixed(2)} %`, title: exact(accuracy.without) }), ` of ${accuracy.total.toLocaleString("en")} test pictures are named rightly, instead of ${(100 * accuracy.whole).toFixed(2)} %.`) : this.#absent("muted"));
  }

  #wires() {
    const { head, arrays } = /** @type {Message} */ (this.message);
    const heard = head.hears.filter((/** @type {any} */ one) => /\/\d+$/.test(one.unit));
    this.places.wires.replaceChildren(...(heard.length ? [el("h3", { text: "It hears" }), facts.links(heard.slice(0, 16), arrays.kernel, head.kernel_limit, this.lab)] : []),
      ...(head.feeds.length ? [el("h3", { text: "It feeds" }), facts.links(head.feeds, arrays.feeds, Math.max(...Array.from(arrays.feeds.values, Math.abs)) || 1, this.lab),
        head.feeds_more ? el("p", { class: "quiet", text: `and ${count(head.feeds_more, "more unit")}, more weakly` }) : ""] : [el("p", { class: "quiet text", text: `No layer with kernels lies on ${head.layer} alone: what follows mixes its maps.` })]));
  }

  #made() {
    const message = /** @type {Message} */ (this.message);
    const from = message.head.favourite ? message : this.parts.get("favourite");
    this.places.made.replaceChildren(el("h3", { text: "Its favourite, made" }), from ? facts.favourite(from.head.favourite, from.arrays.favourite, message.head.unit) : this.#absent("favourite"),
      el("p", { class: "quiet text", text: "Pixels that were changed step by step until its sum was as high as they could make it (activation maximisation)." }));
  }

  #owed() {
    const from = this.parts.get("owed");
    const { head } = /** @type {Message} */ (this.message);
    this.places.owed.hidden = !from?.head.owed;
    if (from?.head.owed) this.places.owed.replaceChildren(el("h3", { text: "What in its best patches made it fire" }), ...facts.owed(from.head, from.arrays, head.unit), el("p", { class: "quiet text", text: "Each on a scale of its own: green pixels raise its sum, purple ones lower it." }));
  }

  /** The filmstrip of the epochs, and where we are on it. */
  #epoch() {
    const from = this.parts.get("history");
    const { head } = this.message ?? {};
    if (!head) return;
    const never = head.parts.find((/** @type {any} */ one) => one.part === "history" && one.how === "never");
    const old = this.places.history.querySelector(".epochs");
    if (!from && !never) return;
    if (!from) return this.places.history.replaceChildren(el("h3", { text: "Over its epochs" }), el("p", { class: "quiet", text: `Missing: ${never.why}.` }));
    const strip = facts.history(from.head, from.arrays, head, this.lab.place.epoch, (epoch) => this.lab.go({ epoch }));
    this.places.history.replaceChildren(el("h3", { text: "Over its epochs" }), strip, el("p", { class: "quiet text", text: `${from.head.slice ? `Its slice over ${from.head.slice}, its foremost in the end,` : "Its kernel"} and its map of this picture, from the random start to the end. Click an epoch to go there.` }));
    if (old) strip.scrollLeft = old.scrollLeft;
  }

  /** Why something is not there, and how it can be had. @param {string} part */
  #absent(part) {
    const told = this.message?.head.parts.find((/** @type {any} */ one) => one.part === part);
    const words = el("p", { class: "quiet text", role: "status", data: { part } });
    if (!told) return words;
    if (told.how === "never") words.textContent = `Missing: ${told.why}.`;
    else if (told.how === "soon") words.textContent = `Comes in about ${duration(told.seconds)}.`;
    else words.append(button(`Find out ${TITLES[part]}`, () => ((words.textContent = "It is found out."), this.#fetch(part, this.key))), ` This may take about ${duration(told.seconds)}.`);
    return words;
  }

  /** @param {string} key */
  #fetchParts(key) {
    for (const { part, how } of this.message?.head.parts ?? []) if (how === "soon" && !this.parts.has(part)) this.#fetch(part, key);
  }

  /** @param {string} part @param {string} key */
  async #fetch(part, key) {
    const wanted = () => key === this.key;
    const saying = (/** @type {string} */ words) => {
      const place = this.node.querySelector(`[data-part="${part}"]`);
      if (place) place.textContent = words;
    };
    try {
      const query = { unit: this.lab.place.unit, part, picture: await this.picture(), ...this.lab.net() };
      const found = await asked(this.lab.path("card/part"), query, wanted, saying);
      if (!found) return;
      this.parts.set(part, found);
      this.#came(part);
      if (part === "patches" && this.message && !this.message.head.first && !this.parts.has("owed")) this.#fetch("owed", key);
    } catch (error) {
      if (error instanceof Problem) saying(`${error.message}.`);
      else this.lab.trouble(error);
    }
  }
}
