/* Magnet paper: sheets of film from a tray, moved over the picture; what matches glows. */

import { Latest, ask } from "../api.js";
import { legend } from "../film.js";
import { About } from "../paper/about.js";
import { Board } from "../paper/board.js";
import { Maps } from "../paper/maps.js";
import { MOST, added, fromMore, replaced, toMore, without } from "../paper/sheets.js";
import { Tray } from "../paper/tray.js";
import { button, el, say } from "../parts.js";
import { pickPicture, randomPicture } from "../picker.js";
import { pictureOf } from "../standin.js";

/** @typedef {import("../packed.js").Message} Message */
/** @typedef {import("../paper/sheets.js").Scene} Scene */

const KEPT = 80;

/** @param {HTMLElement} root @param {import("../lab.js").Lab} lab */
export function mount(root, lab) {
  const view = new Paper(root, lab);
  return {
    update: () => view.ask(), leave: () => view.leave(),
    keys: [
      { keys: ["p"], says: "one more sheet beside the others", act: () => view.another() },
      { keys: ["n"], says: "choose the next sheet", act: () => view.next() },
      { keys: ["o"], says: "the sheet over the whole picture, or a piece of it", act: () => view.over(!view.scene.over) },
      { keys: ["c"], says: "cut a patch out of the picture: arrows move it, with Shift they make it larger, Enter cuts", act: () => view.cut(!view.board.cutting) },
      { keys: ["r"], says: "a random picture", act: () => lab.page.pictures.test && lab.go({ picture: randomPicture(lab) }) },
    ],
  };
}

class Paper {
  /** @param {HTMLElement} root @param {import("../lab.js").Lab} lab */
  constructor(root, lab) {
    this.lab = lab;
    this.latest = new Latest();
    /** What the library said of sheets, by the question. @type {Map<string, Promise<Message>>} */
    this.known = new Map();
    /** @type {Message[]} */
    this.messages = [];
    this.picture = "";
    /** The answer of the network while it was last asked. */
    this.said = lab.said;
    this.tray = new Tray(lab, { ready: () => this.drawn && this.show(), take: (sheet) => this.take(sheet), blank: (sheet) => (this.about.editor.take(1), this.take(sheet)), drag: (sheet, event, done) => this.#carry(sheet, event, done) });
    this.board = new Board({ moved: (n, at) => this.#put(n, at), chose: (n) => this.#choose(n), cut: (cut) => this.#patch(cut), spot: (spot) => this.maps.spot(spot) });
    this.maps = new Maps({ chose: (n) => this.#choose(n), away: (n) => this.#go(without(this.scene, n)) });
    this.about = new About(lab, { classics: () => this.tray.classics, take: (sheet, how) => this.take(sheet, how), add: (sheet) => this.#go(added(this.scene, { sheet, at: null })), put: (at) => this.#put(this.scene.chosen, at) });
    this.scale = el("div");
    this.hint = el("p");
    this.status = el("p", { class: "waiting", role: "status", text: "The sheets are laid." });
    this.cutter = button("Cut a patch", () => this.cut(!this.board.cutting), { "aria-pressed": "false", title: "Draw a frame on the picture: what is in it becomes a sheet" });
    this.more = button("Add a sheet", () => this.another(), { title: "Lay another sheet beside this one" });
    const pieces = ["A piece", "All over"].map((text, n) => button(text, () => this.over(Boolean(n))));
    this.pieces = pieces;
    const pick = (/** @type {string} */ picture) => lab.go({ picture });
    const test = lab.page.pictures.test;
    this.stage = el("section", { class: "stage", "aria-label": "The picture and the maps", hidden: true },
      el("div", { class: "row tools" }, el("div", { class: "row choice", role: "group", "aria-label": "How much of the picture the sheet covers" }, ...pieces), this.cutter, this.more),
      el("div", { class: "pair" }, el("figure", {}, this.board.node, el("figcaption", {}, this.hint, this.board.words),
        test ? el("div", { class: "row" }, button("Pick a picture", () => pickPicture(lab, pick), { class: "small" }), button("Random", () => pick(randomPicture(lab)), { class: "small", title: "A random picture" })) : null), el("div", { class: "stack" }, this.maps.node, this.scale)));
    root.append(
      el("div", { class: "text lead" }, el("h1", { text: "Magnet paper" }),
        el("p", { text: "A kernel is a sheet of film. Drag it over the picture: where the picture is like the kernel it glows green, where it is the opposite it turns purple." })),
      this.status, el("div", { class: "columns" }, this.tray.node, this.stage, this.about.node, this.about.like));
    this.about.node.hidden = this.about.like.hidden = true;
    this.leavers = [lab.on("theme", () => (this.tray.repaint(), this.show())), lab.on("said", () => this.#heard())];
    this.ask();
  }

  leave() {
    say("");
    for (const leave of this.leavers) leave();
  }

  /** What the link says. @returns {Scene} */
  get scene() {
    return fromMore(this.lab.place.more);
  }

  /** @param {Scene} scene @param {{ replace?: boolean }} [how] */
  #go(scene, how) {
    if (this.board.cutting) this.cut(false);
    this.lab.go({ more: { ...this.lab.kept(), ...toMore(scene) } }, how);
  }

  /** Another sheet in the chosen one's place. @param {string} sheet @param {{ replace?: boolean }} [how] */
  take(sheet, how) {
    const { scene } = this;
    this.#go(replaced(scene, { sheet, at: scene.lying[scene.chosen].at }), how);
  }

  /** One more: what the chosen one resembles, where that is not there yet. */
  another() {
    const { scene } = this;
    if (scene.lying.length === MOST) return;
    const here = scene.lying.map(({ sheet }) => sheet);
    const like = (this.messages[scene.chosen]?.head.like ?? []).map((/** @type {{ sheet: string }} */ one) => one.sheet);
    const sheet = [...like, "sobel_x", "sobel_y", "laplacian", "gaussian", "box"].find((one) => !here.includes(one)) ?? "identity";
    this.#go(added(scene, { sheet, at: null }));
  }

  next() {
    this.#choose((this.scene.chosen + 1) % this.scene.lying.length);
  }

  /** @param {boolean} over */
  over(over) {
    this.#go({ ...this.scene, over });
  }

  /** @param {number} chosen */
  #choose(chosen) {
    this.#go({ ...this.scene, chosen });
  }

  /** @param {number} n @param {[number, number]} at */
  #put(n, at) {
    const { scene } = this;
    this.#go({ ...scene, lying: scene.lying.map((one, k) => (k === n ? { ...one, at } : one)) }, { replace: true });
  }

  /** A sheet is carried over the page. @param {string} sheet @param {PointerEvent | null} event @param {boolean} done */
  async #carry(sheet, event, done) {
    const at = event && this.board.shown ? this.board.under(event) : null;
    this.tray.laid(Boolean(at) && !done);
    if (done) {
      this.carried = "";
      this.board.ghost(null);
      if (at) this.#go({ ...added(this.scene, { sheet, at }), over: false });
      return;
    }
    this.carried = sheet;
    if (!at) return this.board.ghost(null);
    try {
      const message = await this.#laid(sheet);
      if (this.carried === sheet) this.board.ghost(message, at);
    } catch (error) {
      this.lab.trouble(error);
    }
  }

  /** @param {boolean} on */
  cut(on) {
    this.cutter.setAttribute("aria-pressed", String(on));
    this.board.cut(on);
    this.#hint();
  }

  /** @param {import("../paper/board.js").Cut | null} cut */
  #patch(cut) {
    this.cut(false);
    if (cut) this.take(`patch:${cut.top},${cut.left},${cut.rows},${cut.columns}`);
  }

  /** What the library says of a sheet on this picture; asked once. @param {string} sheet */
  #laid(sheet) {
    const query = { picture: this.picture, sheet, ...this.lab.net() };
    const key = JSON.stringify([this.lab.place.run, query]);
    const known = this.known.get(key) ?? ask(this.lab.path("paper"), query);
    known.catch(() => this.known.delete(key));
    this.known.delete(key);
    this.known.set(key, known);
    for (const old of this.known.keys()) if (this.known.size > KEPT) this.known.delete(old);
    return known;
  }

  /** The network was asked again: where the link is the same it has learned meanwhile. */
  #heard() {
    const before = this.said;
    this.said = this.lab.said;
    if (!before || this.heardAt !== location.hash) return void (this.heardAt = location.hash);
    this.known.clear();
    this.tray.net = "";
    this.ask();
  }

  ask() {
    const { lab } = this;
    this.tray.fill();
    return this.latest.ask(async () => {
      const { scene } = this;
      try {
        this.picture = await pictureOf(lab);
        this.messages = await Promise.all(scene.lying.map(({ sheet }) => this.#laid(sheet)));
        const like = this.messages[scene.chosen].head.like[0];
        this.other = like ? await this.#laid(like.sheet).catch(() => null) : null;
        this.drawn = scene;
        lab.tell("trouble", null);
        this.show();
      } catch (error) {
        this.status.textContent = this.drawn ? "" : "This sheet cannot be laid: take another one from the tray.";
        lab.trouble(error);
      }
    });
  }

  show() {
    const scene = this.drawn;
    if (!scene) return;
    this.status.hidden = true;
    this.stage.hidden = this.about.node.hidden = false;
    const chosen = this.messages[scene.chosen];
    this.board.show({ pieces: this.messages.map((message, n) => ({ message, at: scene.lying[n].at })), chosen: scene.chosen, over: scene.over });
    this.maps.show(this.messages, scene.chosen);
    this.scale.replaceChildren(legend(chosen.head.limit, chosen.head.kind === "patch" ? "how well the patch fits: 1 is the patch itself" : "the sum at each place: purple the opposite, green a match"));
    this.tray.choose(scene.lying[scene.chosen].sheet);
    this.pieces.forEach((piece, n) => piece.setAttribute("aria-pressed", String(Boolean(n) === scene.over)));
    this.more.disabled = scene.lying.length === MOST;
    this.#hint();
    this.about.show(chosen, this.other ?? null, scene.lying.map(({ sheet }) => sheet));
  }

  #hint() {
    this.hint.textContent = this.board.cutting ? "Draw a frame with the pointer. Or move it with the arrow keys, change its size with Shift, and press Enter."
      : this.drawn?.over ? "The sheet covers the picture, which shimmers through. Frames: where it fits best." : "Drag the film. Frames: where it fits best.";
  }
}

