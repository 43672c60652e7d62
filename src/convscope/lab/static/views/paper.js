/* Magnet paper: a tray of sheets, and one that is moved over the picture with the pointer; what matches glows. */

import { Latest, ask } from "../api.js";
import { legend, paintMap, paintPicture } from "../film.js";
import { button, el, figure, say } from "../parts.js";
import { pickPicture, randomPicture } from "../picker.js";
import { Tray } from "../paper/tray.js";
import { exact, number } from "../words.js";

const FIRST = "sobel_y";
const MOST = 4;
const PART = 0.42;

/** @param {HTMLElement} root @param {import("../lab.js").Lab} lab */
export function mount(root, lab) {
  const view = new Paper(root, lab);
  return { update: () => view.ask(), leave: () => view.leave(), keys: [{ keys: ["p"], says: "keep this sheet beside the next", act: () => view.pin() }] };
}

class Paper {
  /** @param {HTMLElement} root @param {import("../lab.js").Lab} lab */
  constructor(root, lab) {
    this.lab = lab;
    this.latest = new Latest();
    /** @type {import("../packed.js").Message | null} */
    this.came = null;
    /** Where the middle of the film lies, as parts of the picture. */
    this.at = { x: 0.5, y: 0.4 };
    this.cutting = false;
    /** @type {{ x: number, y: number } | null} */
    this.corner = null;
    this.tray = new Tray(lab, (sheet) => this.go(sheet));
    this.picture = el("canvas", { class: "photo" });
    this.film = el("canvas", { class: "filmsheet", "aria-hidden": "true" });
    this.frames = el("div", { class: "frames", "aria-hidden": "true" });
    this.board = el("div", { class: "over laid", tabIndex: 0, role: "img", "aria-label": "The picture with a sheet of film on it. Arrow keys move the sheet." }, this.picture, this.film, this.frames);
    this.map = el("canvas", { class: "film" });
    this.scale = el("div");
    this.about = el("section", { class: "about", "aria-label": "The sheet" });
    this.beside = el("div", { class: "pins" });
    this.cutter = button("Cut a patch", () => this.#cut(!this.cutting), { "aria-pressed": "false" });
    const pick = (/** @type {string} */ picture) => lab.go({ picture });
    root.append(
      el("div", { class: "text lead" }, el("h1", { text: "Magnet paper" }),
        el("p", { text: "A kernel is a sheet of film. Move it over the picture: where the picture is like the kernel it glows green, where it is the opposite it turns purple." })),
      el("div", { class: "columns" }, this.tray.node,
        el("section", { class: "stage", "aria-label": "The picture and its map" },
          el("div", { class: "pair" }, el("figure", {}, this.board, el("figcaption", { text: "the sheet on the picture" })), figure(this.map, "map", "the whole map")),
          this.scale,
          el("div", { class: "row" }, this.cutter, button("Keep beside", () => this.pin(), { title: "Keep this sheet, to compare it with the next" }),
            lab.page.pictures.test ? button("Pick", () => pickPicture(lab, pick)) : null, lab.page.pictures.test ? button("Random", () => pick(randomPicture(lab))) : null),
          this.beside),
        this.about));
    this.#moves();
    this.leavers = [lab.on("theme", () => this.show()), lab.on("said", () => this.ask())];
    this.ask();
  }

  leave() {
    for (const leave of this.leavers) leave();
  }

  get sheet() {
    return this.lab.place.more.sheet || FIRST;
  }

  get pins() {
    return (this.lab.place.more.pins ?? "").split("|").filter(Boolean);
  }

  /** @param {string} sheet */
  go(sheet, pins = this.pins) {
    this.#cut(false);
    this.lab.go({ more: { ...this.lab.kept(), sheet, pins: pins.join("|") } });
  }

  pin() {
    if (!this.pins.includes(this.sheet)) this.go(this.sheet, [...this.pins, this.sheet].slice(-MOST));
  }

  ask() {
    const { lab } = this;
    return this.latest.ask(async () => {
      try {
        const picture = await lab.pictureName();
        if (!picture) return;
        const query = { picture, ...lab.net() };
        const [came, ...pinned] = await Promise.all([this.sheet, ...this.pins].map((sheet) => ask(lab.path("paper"), { ...query, sheet })));
        this.came = came;
        lab.tell("trouble", null);
        this.show();
        this.beside.replaceChildren(...pinned.map((one) => this.#pinned(one)));
      } catch (error) {
        lab.trouble(error);
      }
    });
  }

  show() {
    if (!this.came) return;
    const { head, arrays } = this.came;
    const [, rows, columns] = arrays.picture.shape;
    paintPicture(this.picture, arrays.picture.values, /** @type {[number, number, number]} */ (arrays.picture.shape));
    paintMap(this.map, arrays.map.values, arrays.map.shape[0], arrays.map.shape[1], head.limit);
    this.board.style.aspectRatio = `${columns} / ${rows}`;
    this.map.setAttribute("aria-label", `The map of ${head.sheet}`);
    this.scale.replaceChildren(legend(head.limit, head.kind === "patch" ? "how well the patch fits: 1 is the patch itself" : "the sum at each place: purple the opposite, green a match"));
    this.tray.choose(head.sheet);
    this.#lay();
    this.#places();
    this.#tell();
  }

  /** Paint the part of the map that the film lies on. */
  #lay() {
    if (!this.came) return;
    const { head, arrays } = this.came;
    const [, rows, columns] = arrays.picture.shape;
    const [down, across] = arrays.map.shape;
    const side = Math.max(3, Math.round(PART * Math.min(rows, columns)));
    const top = Math.round(Math.max(0, Math.min(rows - side, this.at.y * rows - side / 2)));
    const left = Math.round(Math.max(0, Math.min(columns - side, this.at.x * columns - side / 2)));
    const part = new Float32Array(side * side).fill(0);
    for (let y = 0; y < side; y++)
      for (let x = 0; x < side; x++) {
        const [i, j] = [top + y - head.corner[0], left + x - head.corner[1]];
        if (i >= 0 && i < down && j >= 0 && j < across) part[y * side + x] = arrays.map.values[i * across + j];
      }
    paintMap(this.film, part, side, side, head.limit);
    Object.assign(this.film.style, { top: `${(100 * top) / rows}%`, left: `${(100 * left) / columns}%`, width: `${(100 * side) / columns}%`, height: `${(100 * side) / rows}%` });
  }

  /** Where the sheet fits best, as frames on the picture. */
  #places() {
    const { head, arrays } = /** @type {import("../packed.js").Message} */ (this.came);
    const [, rows, columns] = arrays.picture.shape;
    const [, high, wide] = arrays.kernel.shape;
    this.frames.replaceChildren(...head.places.map((/** @type {[number, number, number]} */ [y, x, score], /** @type {number} */ n) => {
      const frame = el("span", { class: n ? "mark" : "mark best", title: number(score) });
      Object.assign(frame.style, { top: `${(100 * (y - (high >> 1))) / rows}%`, left: `${(100 * (x - (wide >> 1))) / columns}%`, height: `${(100 * high) / rows}%`, width: `${(100 * wide) / columns}%` });
      return frame;
    }));
  }

  /** What the sheet is: its numbers, formula, source, and what it resembles. */
  #tell() {
    const { head, arrays } = /** @type {import("../packed.js").Message} */ (this.came);
    const alike = [
      ...head.resembles.slice(0, 2).filter((/** @type {any} */ one) => one.kernel !== head.sheet && head.kind !== "classic").map((/** @type {any} */ one) => this.#alike(one.kernel, one.cosine)),
      head.learned ? this.#alike(head.learned.unit, head.learned.cosine) : null,
    ].filter(Boolean);
    const busy = this.about.contains(document.activeElement) && document.activeElement?.matches("input");
    if (busy) return;
    const name = head.kind === "patch" ? "A patch" : head.kind === "painted" ? "Painted" : head.sheet;
    this.about.replaceChildren(el("h2", { text: name }), head.about ? el("p", { class: "text", text: sentence(head.about) }) : "",
      this.tray.editor(arrays.kernel, head, (sheet) => this.go(sheet)),
      head.formula ? el("p", { class: "quiet" }, "Formula: ", head.formula.replace(/-/g, "−")) : "", head.source ? el("p", { class: "quiet", text: head.source }) : "",
      alike.length ? el("div", { class: "stack" }, el("h3", { text: head.kind === "learned" ? "It resembles" : "A learned one that resembles it" }), ...alike) : "");
  }

  /** @param {string} sheet @param {number} cosine */
  #alike(sheet, cosine) {
    const words = `${sheet}${cosine < 0 ? ", as its negative" : ""} (cosine ${number(cosine)})`;
    return el("div", { class: "row" }, el("span", { text: words }), button("Lay beside", () => this.go(this.sheet, [...new Set([...this.pins, this.sheet, sheet])].slice(-MOST))));
  }

  /** A sheet that was kept, with its map. @param {import("../packed.js").Message} one */
  #pinned({ head, arrays }) {
    const kernel = el("canvas", { class: "film", role: "img", "aria-label": `Kernel of ${head.sheet}` });
    const map = el("canvas", { class: "film", role: "img", "aria-label": `Map of ${head.sheet}` });
    const [, rows, columns] = arrays.kernel.shape;
    paintMap(kernel, arrays.kernel.values, rows, columns, head.kernel_limit);
    paintMap(map, arrays.map.values, arrays.map.shape[0], arrays.map.shape[1], head.limit);
    const name = head.kind === "painted" ? "painted" : head.sheet;
    return el("figure", { class: "pin" }, el("div", { class: "two" }, kernel, map),
      el("figcaption", {}, button(name, () => this.go(head.sheet), { class: "plain" }), ` ±${number(head.limit)} `, button("×", () => this.go(this.sheet, this.pins.filter((pin) => pin !== head.sheet)), { class: "plain", "aria-label": `Take ${name} away` })));
  }

  /** @param {boolean} on */
  #cut(on) {
    this.cutting = on;
    this.cutter.setAttribute("aria-pressed", String(on));
    this.board.classList.toggle("cutting", on);
    this.corner = null;
  }

  /** Pointer and keys on the picture. */
  #moves() {
    const { board } = this;
    const spot = (/** @type {PointerEvent} */ event) => {
      const box = board.getBoundingClientRect();
      return { x: Math.max(0, Math.min(0.9999, (event.clientX - box.left) / box.width)), y: Math.max(0, Math.min(0.9999, (event.clientY - box.top) / box.height)) };
    };
    board.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
      board.setPointerCapture(event.pointerId);
      if (this.cutting) this.corner = spot(event);
    });
    board.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
      const at = spot(event);
      if (this.cutting) return this.corner ? this.#outline(this.corner, at) : undefined;
      this.at = at;
      this.#lay();
      this.#number(at, event);
    });
    board.addEventListener("pointerup", (/** @type {PointerEvent} */ event) => this.corner && this.#patch(this.corner, spot(event)));
    board.addEventListener("pointerleave", () => say(""));
    board.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      const step = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[event.key];
      if (!step || !this.came) return;
      event.preventDefault();
      const [, rows, columns] = this.came.arrays.picture.shape;
      this.at = { x: Math.max(0, Math.min(1, this.at.x + step[0] / columns)), y: Math.max(0, Math.min(1, this.at.y + step[1] / rows)) };
      this.#lay();
    });
  }

  /** The map's number under the pointer. @param {{ x: number, y: number }} at @param {PointerEvent} event */
  #number(at, event) {
    if (!this.came) return;
    const { head, arrays } = this.came;
    const [, rows, columns] = arrays.picture.shape;
    const [y, x] = [Math.floor(at.y * rows), Math.floor(at.x * columns)];
    const [i, j] = [y - head.corner[0], x - head.corner[1]];
    const inside = i >= 0 && i < arrays.map.shape[0] && j >= 0 && j < arrays.map.shape[1];
    const value = inside ? arrays.map.values[i * arrays.map.shape[1] + j] : NaN;
    say(inside ? `row ${y}, column ${x}: ${number(value)} (${exact(value)})` : `row ${y}, column ${x}: the patch does not fit here`, event);
  }

  /** @param {{ x: number, y: number }} a @param {{ x: number, y: number }} b */
  #outline(a, b) {
    const frame = this.frames.querySelector(".cut") ?? this.frames.appendChild(el("span", { class: "mark cut" }));
    Object.assign(/** @type {HTMLElement} */ (frame).style, { left: `${100 * Math.min(a.x, b.x)}%`, top: `${100 * Math.min(a.y, b.y)}%`, width: `${100 * Math.abs(a.x - b.x)}%`, height: `${100 * Math.abs(a.y - b.y)}%` });
  }

  /** @param {{ x: number, y: number }} a @param {{ x: number, y: number }} b */
  #patch(a, b) {
    const [, rows, columns] = /** @type {import("../packed.js").Message} */ (this.came).arrays.picture.shape;
    const [top, left] = [Math.floor(Math.min(a.y, b.y) * rows), Math.floor(Math.min(a.x, b.x) * columns)];
    const [high, wide] = [Math.max(2, Math.ceil(Math.max(a.y, b.y) * rows) - top), Math.max(2, Math.ceil(Math.max(a.x, b.x) * columns) - left)];
    this.go(`patch:${Math.min(top, rows - high)},${Math.min(left, columns - wide)},${high},${wide}`);
  }
}

/** A phrase as a sentence. @param {string} text */
const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
