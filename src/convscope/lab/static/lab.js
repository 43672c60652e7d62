/* What is looked at, and what the network says about it: the one state of the page, and who wants to hear of it. */

import { Latest, Lost, Problem, ask } from "./api.js";
import * as ink from "./ink.js";
import { format, parse } from "./link.js";

/** @typedef {import("./link.js").Place} Place */
/** @typedef {import("./packed.js").Message} Message */
/** @typedef {"place" | "page" | "said" | "theme" | "trouble" | "news" | "film"} Event */

export class Lab {
  /** @type {Place} */
  place = parse(location.hash);
  /** The Run that is looked into, as /api/runs/RUN says it. @type {any} */
  page = null;
  /** What the network says about the picture. @type {Message | null} */
  said = null;
  /** The Run that the page opens with. */
  first = "";
  /** @type {Map<Event, Set<(value?: any) => void>>} */
  #hearers = new Map();
  #question = new Latest();
  #asked = "";
  /** Drawings that the library keeps: strokes -> name. @type {Map<string, Promise<string>>} */
  #drawings = new Map();

  /** Hear of changes, until the returned function is called. @param {Event} event @param {(value?: any) => void} act */
  on(event, act) {
    const hearers = this.#hearers.get(event) ?? new Set();
    this.#hearers.set(event, hearers.add(act));
    return () => void hearers.delete(act);
  }

  /** @param {Event} event @param {any} [value] */
  tell(event, value) {
    for (const act of [...(this.#hearers.get(event) ?? [])]) act(value);
  }

  /** What a change of view keeps of `more`: the step of the tour. */
  kept() {
    const { tour = "" } = this.place.more;
    return { tour };
  }

  /** The link to the same place with some changes. @param {Partial<Place>} changes */
  link(changes) {
    return format({ ...this.place, ...this.#fresh(changes), ...changes });
  }

  /** Go somewhere: the address changes, and all follows from it. @param {Partial<Place>} changes @param {{ replace?: boolean }} [how] */
  go(changes, { replace = false } = {}) {
    const next = this.link(changes);
    if (next === location.hash) return;
    history[replace ? "replaceState" : "pushState"](null, "", next);
    this.arrive();
  }

  /** Another view begins without what was the former one's own. @param {Partial<Place>} changes */
  #fresh(changes) {
    return changes.view && changes.view !== this.place.view ? { more: this.kept() } : {};
  }

  /** Read the address, and fetch what it says. */
  async arrive() {
    const before = this.place;
    this.place = parse(location.hash);
    this.place.run ||= this.first;
    try {
      if (!this.page || this.place.run !== before.run || this.page.line.name !== this.place.run) await this.#open();
      this.tell("place", before);
      await this.say();
    } catch (error) {
      this.trouble(error);
      this.tell("place", before);
    }
  }

  /** Until the other Run is there, and says that it is, a view may still ask for something of the former one. */
  async #open() {
    this.said = null;
    this.#asked = "";
    const run = this.place.run;
    const page = await ask(`runs/${encodeURIComponent(run)}`).catch((error) => {
      this.page = null;
      throw error;
    });
    if (run !== this.place.run) return;
    this.page = page;
    this.tell("page");
  }

  /** The part of a query that says which net is looked through. */
  net() {
    return { epoch: this.place.epoch, ops: this.place.ops.join(";") };
  }

  /** A path under the Run. @param {string} path */
  path(path) {
    return `runs/${encodeURIComponent(this.place.run)}/${path}`;
  }

  /** The strokes of the picture, where it is a drawing. */
  strokes() {
    return this.place.picture.startsWith("ink/") ? ink.fromText(this.place.picture.slice(4)) : null;
  }

  /** What the library calls the picture: a drawing is handed over first. @returns {Promise<string>} */
  async pictureName() {
    const { picture } = this.place;
    if (!picture.startsWith("ink/")) return picture || this.standard();
    const known = this.#drawings.get(picture);
    if (known) return known;
    const body = new Uint8Array(ink.pixels(this.strokes() ?? []));
    const made = ask("drawings", { width: ink.SIDE, height: ink.SIDE }, { body }).then((kept) => kept.picture);
    if (this.#drawings.size > 50) this.#drawings.clear();
    this.#drawings.set(picture, made);
    made.catch(() => this.#drawings.delete(picture));
    return made;
  }

  /** The picture where the link names none: the set's first, which is a seven of MNIST; else a seven drawn by hand. */
  standard() {
    return this.page?.pictures.test ? "test/0" : "";
  }

  /** Whether the picture is left to Draw, which draws a seven to begin with. */
  drawsSeven() {
    const { picture, view } = this.place;
    return !picture && view === "draw" && this.page?.picture_shape[0] === 1 && this.page.classes.includes("7");
  }

  /** Ask the network about the picture, if that is not what was asked last. @param {boolean} [again] */
  async say(again = false) {
    const asked = JSON.stringify([this.place.run, this.place.picture, this.net()]);
    if (!again && asked === this.#asked) return;
    this.#asked = asked;
    if (this.drawsSeven()) return;
    const strokes = this.strokes();
    if (strokes) return this.sayDrawing(strokes);
    const picture = await this.pictureName();
    if (!picture) return this.sayDrawing(ink.SEVEN);
    await this.#ask(() => ask(this.path("say"), { picture, ...this.net() }));
  }

  /** Ask about a drawing while it is drawn: the newest strokes count. @param {ink.Stroke[]} strokes */
  sayDrawing(strokes) {
    const size = { width: ink.SIDE, height: ink.SIDE };
    return this.#ask(() => ask(this.path("say"), { ...size, ...this.net() }, { body: new Uint8Array(ink.pixels(strokes)) }));
  }

  /** Ask about a picture that the link does not name, such as a camera's. @param {string} picture */
  sayPicture(picture) {
    return this.#ask(() => ask(this.path("say"), { picture, ...this.net() }));
  }

  /** @param {() => Promise<Message>} question */
  #ask(question) {
    return this.#question.ask(async () => {
      try {
        const said = await question();
        this.said = said;
        this.tell("said");
        this.tell("trouble", null);
      } catch (error) {
        this.#asked = "";
        this.trouble(error);
      }
    });
  }

  /** Say what is wrong, in one line; what is no error of the library's or the network's is a fault here. @param {unknown} error */
  trouble(error) {
    if (error instanceof DOMException && error.name === "AbortError") return;
    if (!(error instanceof Problem || error instanceof Lost)) throw error;
    this.tell("trouble", error);
  }
}
