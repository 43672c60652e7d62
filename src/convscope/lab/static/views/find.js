/* Find: a net that was taught small pictures, moved over a large one: heat, boxes, and what the net saw. */

import { Latest, ask } from "../api.js";
import { Board } from "../find/board.js";
import { named, numbered, sure } from "../find/finds.js";
import { fromText } from "../find/frame.js";
import { List } from "../find/list.js";
import { legend } from "../film.js";
import { chooseFile } from "../incoming.js";
import { button, el } from "../parts.js";
import { count, duration, percent } from "../words.js";

/** @typedef {import("../find/finds.js").Box} Box */

const AGAIN = 250;
const LEAST = 0.9;
const PAGES = 1000;
const FINDER = "finder"; // the Run that comes with the package to look through pages

/** @param {HTMLElement} root @param {import("../lab.js").Lab} lab */
export function mount(root, lab) {
  const view = new Find(root, lab);
  /** @param {number} right @param {number} down */
  const move = (right, down) => () => view.board.move(right / 4, down / 4);
  return {
    update: () => view.update(), leave: () => view.leave(),
    keys: [
      { keys: ["+", "="], says: "nearer", act: () => view.board.zoom(1.5) },
      { keys: ["-"], says: "further away", act: () => view.board.zoom(1 / 1.5) },
      { keys: ["0"], says: "the whole picture", act: () => view.board.zoom(0) },
      { keys: ["ArrowLeft"], says: "move the picture", act: move(-1, 0) }, { keys: ["ArrowRight"], says: "move the picture", act: move(1, 0) },
      { keys: ["ArrowUp"], says: "move the picture", act: move(0, -1) }, { keys: ["ArrowDown"], says: "move the picture", act: move(0, 1) },
      { keys: ["n"], says: "the next find", act: () => view.step(1) }, { keys: ["p"], says: "the find before", act: () => view.step(-1) },
      { keys: ["h"], says: "heat, or none", act: () => view.change({ heat: view.warm ? "0" : "" }) },
      { keys: ["Enter"], says: "open the find in Slide", act: () => view.open("slide") },
      { keys: ["r"], says: "another page", act: () => view.another() },
    ],
  };
}

class Find {
  /** @param {HTMLElement} root @param {import("../lab.js").Lab} lab */
  constructor(root, lab) {
    this.lab = lab;
    this.latest = new Latest();
    this.left = false;
    this.asked = "";
    /** What the library said last of this question. @type {import("../packed.js").Message | null} */
    this.message = null;
    this.board = new Board({ chose: (n) => this.choose(n), looked: (look) => this.change({ at: look }) });
    this.list = new List({ chose: (n) => this.choose(n, true), kind: (name) => this.change({ of: name, box: "" }) });
    this.#build(root);
    this.leavers = [lab.on("theme", () => this.show())];
    this.watch = new ResizeObserver(() => this.board.draw());
    this.watch.observe(this.board.node);
    this.update();
  }

  /** @param {HTMLElement} root */
  #build(root) {
    const { lab } = this;
    /** @param {string} name @param {string} words */
    const reach = (name, words) => el("input", { type: "number", min: 1, max: 100000, inputMode: "numeric", "aria-label": words, placeholder: name === "smallest" ? "its own" : "all", onchange: (/** @type {Event} */ event) => this.change({ [name]: /** @type {HTMLInputElement} */ (event.target).value, box: "" }) });
    this.smallest = reach("smallest", "The smallest window, in pixels of the picture");
    this.largest = reach("largest", "The largest window, in pixels of the picture");
    this.fine = el("select", { "aria-label": "How near the windows lie", onchange: () => this.change({ fine: this.fine.value, box: "" }) }, ...["1", "2", "4"].map((n) => el("option", { value: n, text: n === "1" ? "as the net has it" : `${n} times as near` })));
    this.least = el("input", { type: "range", min: 0.5, max: 0.999, step: 0.001, "aria-label": "How sure the net must be", oninput: () => this.change({ least: this.least.value, box: "" }) });
    this.leastSaid = el("output");
    this.heat = el("input", { type: "checkbox", onchange: () => this.change({ heat: this.heat.checked ? "" : "0" }) });
    this.lead = el("div", { class: "text lead" }, el("h1", { text: "Find" }),
      el("p", { text: "Move the network over a large picture, like papers over a curtain: where it is sure it glows, and what it finds gets a frame." }));
    this.warning = el("p", { class: "text note", hidden: true });
    this.pages = el("button", { type: "button", onclick: () => this.another(), title: "A page with things of the test pictures at random places", text: "Another page" });
    this.tools = el("div", { class: "row tools" }, button("Your picture", () => chooseFile(lab), { class: "first", title: "Or drop one anywhere, of any size" }), this.pages,
      el("div", { class: "row zooms", role: "group", "aria-label": "Zoom" }, button("−", () => this.board.zoom(1 / 1.5), { "aria-label": "Further away" }), button("+", () => this.board.zoom(1.5), { "aria-label": "Nearer" }), button("Whole", () => this.board.zoom(0))),
      el("label", { class: "tick" }, this.heat, "heat"));
    this.knobs = el("div", { class: "row knobs" },
      el("label", { class: "field" }, "windows from", this.smallest), el("label", { class: "field" }, "to, in pixels", this.largest), el("label", { class: "field" }, "windows lie", this.fine),
      el("label", { class: "field least" }, el("span", {}, "sure, at least ", this.leastSaid), this.least));
    this.bar = el("progress", { max: 1, "aria-label": "Windows looked at" });
    this.words = el("p", { class: "quiet", role: "status", text: "The picture is fetched." });
    this.card = el("div", { class: "card", hidden: true });
    this.side = el("section", { class: "side", "aria-label": "What was found" }, this.card, this.list.node);
    this.main = el("section", { class: "main", "aria-label": "The picture" }, this.board.node, el("div", { class: "row between" }, el("div", { class: "far" }, this.bar, this.words), legendOf()));
    this.empty = el("p", { class: "empty", hidden: true, text: "Drop a large picture here, or take one of your own." });
    root.append(this.lead, this.warning, el("div", { class: "row controls" }, this.tools, this.knobs), this.empty, el("div", { class: "columns" }, this.main, this.side));
  }

  leave() {
    this.left = true;
    this.board.leave();
    this.watch.disconnect();
    for (const leave of this.leavers) leave();
  }

  /** The large picture: the link's where it is one, else a page that is made of test pictures. */
  get picture() {
    const { picture } = this.lab.place;
    return /^(kept|page)\//.test(picture) ? picture : this.lab.page.pictures.test ? "page/1" : "";
  }

  get warm() {
    return this.lab.place.more.heat !== "0";
  }

  get least_() {
    const said = Number(this.lab.place.more.least);
    return said >= 0.5 && said < 1 ? said : LEAST;
  }

  /** @param {Record<string, string>} more */
  change(more) {
    this.lab.go({ more: { ...this.lab.place.more, ...more } }, { replace: true });
  }

  another() {
    if (!this.lab.page.pictures.test) return;
    this.lab.go({ picture: `page/${1 + Math.floor(Math.random() * PAGES)}`, more: { ...this.lab.place.more, at: "", box: "" } });
  }

  /** The finds that are shown. @returns {Box[]} */
  get boxes() {
    return sure(this.message?.head.boxes ?? [], this.least_, this.lab.place.more.of ?? "");
  }

  /** @param {number} n @param {boolean} [near] */
  choose(n, near = false) {
    const box = this.boxes[n];
    if (box && near) this.board.near(box);
    this.change({ box: box ? named(box) : "" });
  }

  /** @param {number} by */
  step(by) {
    const { boxes } = this;
    if (boxes.length) this.choose((numbered(boxes, this.lab.place.more.box) + by + boxes.length) % boxes.length, true);
  }

  /** Cut the chosen find out, and look at it elsewhere. @param {string} view */
  async open(view) {
    const { lab, boxes } = this;
    const box = boxes[numbered(boxes, lab.place.more.box)];
    if (!box) return;
    try {
      const kept = await ask(lab.path("cut"), { picture: this.picture, left: box.x, top: box.y, width: box.width, height: box.height }, { method: "POST" });
      if (!this.left) lab.go({ view, picture: kept.picture, unit: "" });
    } catch (error) {
      lab.trouble(error);
    }
  }

  /** The address has changed. */
  update() {
    const { lab } = this;
    const { more } = lab.place;
    this.smallest.value = more.smallest ?? "";
    this.largest.value = more.largest ?? "";
    this.fine.value = ["2", "4"].includes(more.fine) ? more.fine : "1";
    this.least.value = String(this.least_);
    this.leastSaid.textContent = percent(this.least_);
    this.heat.checked = this.warm;
    this.pages.hidden = !lab.page.pictures.test;
    this.empty.hidden = Boolean(this.picture);
    this.main.hidden = this.side.hidden = this.knobs.hidden = !this.picture;
    const query = { picture: this.picture, smallest: more.smallest, largest: more.largest, fine: this.fine.value, kind: more.of, ...lab.net() };
    const asked = JSON.stringify([lab.place.run, query]);
    if (!this.picture) return;
    if (asked === this.asked) return this.show();
    const before = this.asked;
    this.asked = asked;
    if (!same(before, asked)) this.message = null;
    this.latest.ask(() => this.#ask(asked, query));
  }

  /** Ask until all windows were looked at. @param {string} asked @param {import("../api.js").Query} query */
  async #ask(asked, query) {
    const { lab } = this;
    try {
      while (!this.left && asked === this.asked) {
        const message = await ask(lab.path("find"), query);
        if (this.left || asked !== this.asked) return;
        this.message = message;
        lab.tell("trouble", null);
        this.show();
        if (!message.head.waiting) return;
        await new Promise((go) => setTimeout(go, AGAIN));
      }
    } catch (error) {
      if (asked !== this.asked) return;
      this.asked = "";
      this.words.textContent = "";
      this.bar.hidden = true;
      lab.trouble(error);
    }
  }

  show() {
    const { message, lab, boxes } = this;
    if (!message) return;
    const { head, arrays } = message;
    const { more } = lab.place;
    const chosen = numbered(boxes, more.box);
    const first = this.board.asked === "";
    this.board.show({ path: lab.path("part.png"), source: { picture: this.picture }, head, arrays, boxes, chosen, warm: this.warm }, first ? fromText(more.at) : null);
    [this.list.path, this.list.picture] = [lab.path("part.png"), this.picture];
    this.list.show(sure(head.boxes, this.least_), boxes, chosen, more.of ?? "");
    this.#far(head);
    this.#warn(head);
    this.#card(boxes[chosen]);
  }

  /** How far the search is, or what it took. @param {any} head */
  #far(head) {
    const { waiting } = head;
    this.bar.hidden = !waiting;
    if (waiting) {
      this.bar.value = waiting.total ? waiting.done / waiting.total : 0;
      this.words.textContent = waiting.total ? `${waiting.done.toLocaleString("en")} of ${count(waiting.total, "window")}` : `${waiting.doing[0].toUpperCase()}${waiting.doing.slice(1)}.`;
      return;
    }
    const found = sure(head.boxes, this.least_).length;
    const how = head.mode === "dense" ? `${count(head.passes, "pass", "passes")} of the net over the whole picture` : `${count(head.passes, "window")} one by one: ${head.why}`;
    this.words.textContent = `${found ? `${count(found, "find")}${head.more ? ` and ${count(head.more, "more", "more")}` : ""}` : `Nothing is as sure as ${percent(this.least_)}: ask for less, or for other sizes`}. ${duration(head.seconds)}, ${how}.`;
  }

  /** @param {any} head */
  #warn(head) {
    const { lab } = this;
    this.warning.hidden = head.knows_nothing;
    if (head.knows_nothing || this.warning.childNodes.length) return;
    const digits = head.classes.length === 10 && head.classes[7] === "7";
    const link = el("a", { href: "#", text: "look with one that did", onclick: (/** @type {Event} */ event) => (event.preventDefault(), lab.go({ run: FINDER, epoch: null, ops: [] })) });
    this.warning.append("This network never learned what nothing is, so it names something everywhere. ", ...(digits ? ["On digits, ", link, ". "] : []), "To teach one: ", el("code", { text: digits ? "convscope train mnist+nothing" : `convscope train ${lab.page.line.source} --background FOLDER` }), ".");
  }

  /** What can be done with the chosen find. @param {Box | undefined} box */
  #card(box) {
    this.card.hidden = !box;
    if (!box) return;
    this.card.replaceChildren(el("p", {}, el("b", { text: box.label }), ` ${percent(box.score)}, ${Math.round(box.width)}×${Math.round(box.height)} pixels at ${Math.round(box.x)}, ${Math.round(box.y)}`),
      el("div", { class: "row" }, button("Open in Slide", () => this.open("slide"), { title: "Cut it out, and watch the kernels slide over it" }), button("In Draw", () => this.open("draw")), button("Units", () => this.open("units"))));
  }
}

/** Whether two questions are about the same search: another class's heat is another answer to it. @param {string} one @param {string} other */
function same(one, other) {
  if (!one || !other) return false;
  const [a, b] = [one, other].map((text) => JSON.parse(text));
  return a[0] === b[0] && JSON.stringify({ ...a[1], kind: "" }) === JSON.stringify({ ...b[1], kind: "" });
}

/** Film from nothing to sure. */
function legendOf() {
  const made = legend(1, "how sure the net is of something around a place");
  made.querySelector(".ends")?.replaceChildren(el("span", { text: "0" }), el("span", { text: "1" }));
  made.classList.add("half");
  return made;
}
