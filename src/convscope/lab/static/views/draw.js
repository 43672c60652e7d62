/* Draw: the first thing seen. A pen, and a whole network that lights up while it moves. */

import { ask } from "../api.js";
import { Camera } from "../camera.js";
import { legend, paintPicture } from "../film.js";
import { chooseFile } from "../incoming.js";
import * as ink from "../ink.js";
import { pickPicture, randomPicture } from "../picker.js";
import { Answers, button, el, still } from "../parts.js";
import { LayerSheet, gapOf } from "../sheet.js";

const BOARD = 320;
const IDLE = 350;

const PICTURES = "Pick, drop or paste a picture: the maps of every layer show what their units find in it.";
const HINTS = [
  "Draw a digit: the maps of every layer follow your pen. Or drop or paste a picture.",
  "Point at a map: the frame on the small picture is what that value sees of it.",
  "Click a map: its card says what it has learned to detect.",
  "Mute the unit that speaks loudest for the answer, and see whether the answer holds.",
  "Draw a 1 and add a bar to it, slowly: from which pixel on is it a 7?",
];

/** @param {HTMLElement} root @param {import("../lab.js").Lab} lab */
export function mount(root, lab) {
  const view = new Draw(root, lab);
  return { update: () => view.update(), leave: () => view.leave(), keys: view.keys };
}

class Draw {
  /** @param {HTMLElement} root @param {import("../lab.js").Lab} lab */
  constructor(root, lab) {
    this.lab = lab;
    /** @type {ink.Stroke[]} */
    this.strokes = lab.strokes() ?? [];
    /** @type {LayerSheet[]} */
    this.sheets = [];
    this.shape = "";
    this.hint = 0;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.hintTimer = undefined;
    this.pen = { x: 128, y: 128, down: false, shown: false };
    this.hand = 0;
    this.board = el("canvas", { class: "board", width: BOARD, height: BOARD, tabIndex: 0, "aria-label": "Drawing board. Arrow keys move the pen, space lowers and lifts it, c clears." });
    this.seen = el("canvas", { class: "photo" });
    this.field = el("span", { class: "mark", hidden: true });
    this.layers = el("div", { class: "layers" });
    this.answers = new Answers(lab.page.classes);
    this.why = el("div", { class: "why" });
    this.next = el("p", { class: "text hint", role: "status" });
    this.cameraButton = button("Camera", () => this.#camera());
    this.camera = new Camera(lab, this.board);
    root.append(this.#left(), el("section", { class: "maps", "aria-label": "The maps of each layer" }, this.next, this.layers), this.#right());
    this.leavers = [lab.on("said", () => this.show()), lab.on("theme", () => this.show(true))];
    this.keys = [{ keys: ["c"], says: "clear the drawing", act: () => this.clear() }, { keys: ["r"], says: "a random picture", act: () => this.random() }];
    this.#draws();
    this.#hinted(0);
    if (lab.drawsSeven()) this.#drawSeven();
    else this.update();
    if (lab.said) this.show(true);
  }

  #left() {
    const { lab } = this;
    const tools = el("div", { class: "row" }, button("Clear", () => this.clear()), button("Random", () => this.random()),
      lab.page.pictures.test ? button("Pick", () => pickPicture(lab, (picture) => lab.go({ picture }))) : null,
      button("Open", () => chooseFile(lab)), navigator.mediaDevices ? this.cameraButton : null);
    this.steps = el("figcaption");
    return el("section", { class: "pen", "aria-label": "The picture" }, this.board, tools,
      el("div", { class: "sees" }, el("figure", { class: "picture" }, el("div", { class: "over" }, this.seen, this.field)),
        el("div", {}, el("b", { text: "What the network sees" }), this.steps)));
  }

  #right() {
    return el("section", { class: "answer", "aria-label": "The answer" }, el("h2", { text: "The answer" }), this.answers.node, this.why);
  }

  /** The address has changed: show its picture on the board. */
  update() {
    this.strokes = this.lab.strokes() ?? [];
    this.field.hidden = true;
    this.#paintBoard();
    this.#reasonSoon();
  }

  leave() {
    cancelAnimationFrame(this.hand);
    clearTimeout(this.reasonTimer);
    if (this.camera.running) this.camera.stop();
    for (const leave of this.leavers) leave();
  }

  clear() {
    this.#rest();
    this.strokes = [];
    this.#drawn(true);
  }

  random() {
    this.#rest();
    this.lab.go({ picture: randomPicture(this.lab) });
  }

  /** What the network said: paint it all. */
  show(whole = false) {
    const { said } = this.lab;
    if (!said) return;
    const { arrays, head } = said;
    const shape = JSON.stringify(head.layers);
    if (shape !== this.shape || whole) this.#build(head.layers);
    this.shape = shape;
    paintPicture(this.seen, arrays.picture.values, /** @type {[number, number, number]} */ (arrays.picture.shape));
    if (!this.strokes.length && !this.camera.running) this.#paintBoard();
    for (const sheet of this.sheets) sheet.show(arrays[sheet.told.name].values);
    this.answers.show(arrays.chances.values);
    this.steps.textContent = head.steps.length ? head.steps.join("; ") : "as it is";
    this.lab.tell("film", performance.now());
  }

  /** @param {any[]} layers */
  #build(layers) {
    this.sheets = [];
    const room = Math.max(240, this.layers.clientWidth || 480);
    const limit = Math.max(...layers.slice(0, -1).map((told) => told.limit));
    const coded = layers.at(-1).kind === "rbf" ? layers.length - 2 : -1;
    this.layers.replaceChildren(...layers.slice(0, -1).map((told, n) => this.#layer(told, room, n === coded)), legend(limit, "how strongly a unit answers: purple against, green for"));
  }

  /** @param {any} told @param {number} room pixels across @param {boolean} coded its values are pixels of the answer's code */
  #layer(told, room, coded) {
    const [rows, columns] = told.size;
    const cells = rows * columns === 1;
    const larger = Math.min(1.6, Math.max(1, room / 560));
    let side = cells ? 14 : larger * Math.min(112, Math.max(24, 16 + 13 * Math.sqrt(rows)));
    if (told.shown <= 8) side = Math.min(side, (room + 5) / told.shown - 5);
    const scale = side / Math.max(rows, columns);
    const gap = gapOf(told.size, scale) * scale;
    const across = coded && told.units === 84 ? 7 : Math.max(1, Math.floor((room + gap) / (columns * scale + gap)));
    const sheet = new LayerSheet(told, {
      scale, across, live: true,
      hover: (spot) => this.#look(told.name, spot),
      pick: (unit) => this.#pick(told.name, unit),
    });
    sheet.canvas.dataset.name = `maps of ${told.name}`;
    this.sheets.push(sheet);
    const some = told.shown < told.units ? `, ${told.shown} of them shown` : "";
    const values = across === 7 && coded ? `${told.units} values: 7×12 pixels of a small picture of the answer` : `${told.units} values`;
    const words = cells ? values : `${told.units} maps of ${rows}×${columns}${some}`;
    return el("div", { class: "layer" }, el("h3", {}, told.name, el("span", { class: "quiet", text: words })), sheet.node);
  }

  /** What a value sees of the picture, as a frame on it. @param {string} name @param {import("../sheet.js").Spot | null} spot */
  #look(name, spot) {
    const layer = this.lab.page.layers.find((/** @type {any} */ one) => one.name === name);
    this.field.hidden = !spot || !layer;
    if (!spot || !layer) return;
    this.#hinted(2);
    const [, rows, columns] = this.lab.page.input;
    const start = [0, 1].map((axis) => layer.first[axis] + layer.jump[axis] * (axis ? spot.column : spot.row));
    const end = start.map((first, axis) => Math.min(axis ? columns : rows, first + layer.field[axis]));
    const [top, left] = start.map((first) => Math.max(0, first));
    Object.assign(this.field.style, {
      top: `${(100 * top) / rows}%`, left: `${(100 * left) / columns}%`,
      height: `${(100 * (end[0] - top)) / rows}%`, width: `${(100 * (end[1] - left)) / columns}%`,
    });
  }

  /** @param {string} name @param {number} unit */
  #pick(name, unit) {
    const layer = this.lab.page.layers.find((/** @type {any} */ one) => one.name === name);
    if (layer?.kernels) this.lab.go({ view: "units", unit: `${name}/${unit}` });
    else this.lab.go({ view: "slide", unit: `${name}/${unit}` });
  }

  /** The pen: pointer and keys. */
  #draws() {
    const { board, pen } = this;
    const at = (/** @type {PointerEvent} */ event) => {
      const box = board.getBoundingClientRect();
      const part = (/** @type {number} */ value, /** @type {number} */ size) => Math.max(0, Math.min(255, Math.round((value / size) * 255)));
      return /** @type {[number, number]} */ ([part(event.clientX - box.left, box.width), part(event.clientY - box.top, box.height)]);
    };
    board.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
      if (this.camera.running) return;
      this.#rest();
      board.setPointerCapture(event.pointerId);
      this.strokes.push([at(event)]);
      this.#drawn();
      event.preventDefault();
      board.focus({ preventScroll: true });
    });
    // Where the browser says a move at once, the question goes out before the frame that shows the ink, not with it.
    const soon = "onpointerrawupdate" in board;
    board.addEventListener(soon ? "pointerrawupdate" : "pointermove", (/** @type {PointerEvent} */ event) => {
      if (!board.hasPointerCapture(event.pointerId)) return;
      for (const one of event.getCoalescedEvents?.() ?? [event]) this.strokes[this.strokes.length - 1].push(at(one));
      this.lab.sayDrawing(this.strokes);
      if (!soon) this.#paintBoard();
    });
    if (soon) board.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => board.hasPointerCapture(event.pointerId) && this.#paintBoard());
    board.addEventListener("pointerup", () => this.#drawn(true));
    board.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      const step = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[event.key];
      if (event.key === " ") {
        pen.down = !pen.down;
        if (pen.down) this.strokes.push([[pen.x, pen.y]]);
      } else if (step) {
        const by = event.shiftKey ? 2 : 8;
        [pen.x, pen.y] = [pen.x + by * step[0], pen.y + by * step[1]].map((v) => Math.max(0, Math.min(255, v)));
        if (pen.down) this.strokes[this.strokes.length - 1].push([pen.x, pen.y]);
      } else return;
      event.preventDefault();
      pen.shown = true;
      this.#drawn(event.key === " " && !pen.down);
    });
    board.addEventListener("blur", () => {
      pen.shown = pen.down = false;
      this.#paintBoard();
    });
  }

  /** The strokes have changed; at the end of one the link gets them. @param {boolean} [done] */
  #drawn(done = false) {
    this.#paintBoard();
    this.lab.sayDrawing(this.strokes);
    if (!done) return;
    if (this.strokes.length) this.#hinted(1);
    this.lab.go({ picture: `ink/${ink.toText(this.strokes)}` }, { replace: true });
  }

  #paintBoard() {
    if (this.camera.running) return;
    const { board, pen } = this;
    const strokes = this.strokes.length || this.lab.place.picture.startsWith("ink/") || !this.lab.said;
    board.classList.toggle("pixels", !strokes);
    if (!strokes) return paintPicture(board, this.lab.said?.arrays.picture.values ?? [], /** @type {any} */ (this.lab.said?.arrays.picture.shape));
    if (board.width !== BOARD) board.width = board.height = BOARD;
    const pencil = /** @type {CanvasRenderingContext2D} */ (board.getContext("2d"));
    pencil.fillStyle = "#000";
    pencil.fillRect(0, 0, BOARD, BOARD);
    pencil.strokeStyle = "#fff";
    ink.draw(pencil, this.strokes, BOARD);
    if (!pen.shown) return;
    pencil.strokeStyle = pen.down ? "#76d495" : "#ffb454";
    pencil.lineWidth = 2;
    pencil.strokeRect((pen.x / 255) * BOARD - 6, (pen.y / 255) * BOARD - 6, 12, 12);
  }

  /** An invisible hand draws a seven, once. */
  #drawSeven() {
    const whole = ink.SEVEN[0];
    const began = performance.now();
    const seconds = still() ? 0 : 1.4;
    const step = () => {
      const part = seconds ? Math.min(1, (performance.now() - began) / 1000 / seconds) : 1;
      this.strokes = [whole.slice(0, Math.max(1, Math.round(part * whole.length)))];
      this.#drawn(part === 1);
      if (part < 1) this.hand = requestAnimationFrame(step);
    };
    step();
  }

  /** The invisible hand rests as soon as somebody else acts. */
  #rest() {
    cancelAnimationFrame(this.hand);
    if (!this.lab.place.picture.startsWith("ink/") && this.lab.place.picture) this.strokes = [];
    else if (this.lab.drawsSeven()) this.strokes = [];
  }

  async #camera() {
    if (this.camera.running) {
      this.camera.stop();
      this.cameraButton.textContent = "Camera";
      return;
    }
    const refused = await this.camera.start();
    if (refused) this.why.replaceChildren(el("p", { class: "problem", text: refused }));
    else this.cameraButton.textContent = "Take this picture";
  }

  #reasonSoon() {
    clearTimeout(this.reasonTimer);
    this.reasonTimer = setTimeout(() => this.#reasons(), IDLE);
  }

  /** Which units speak for the answer, and what the net says without them. */
  async #reasons() {
    const { lab } = this;
    try {
      const picture = await lab.pictureName();
      if (!picture) return;
      const found = await ask(lab.path("reasons"), { picture, ...lab.net() });
      this.why.replaceChildren(el("h3", { text: `Who says ${lab.said?.head.label ?? "it"}?` }), ...found.map((/** @type {any} */ one) => this.#reason(one)));
    } catch (error) {
      lab.trouble(error);
    }
  }

  /** @param {{ unit: string, weight: number, why: string, without: string }} reason */
  #reason({ unit, weight, why, without }) {
    const { lab } = this;
    const said = lab.said?.head.label;
    const mute = button(`Mute ${unit}${without === said ? "" : ` ▸ ${without}`}`, () => {
      this.#hinted(4);
      lab.go({ ops: [...lab.place.ops, `mute:${unit}`] });
    }, { title: `Without ${unit} it says ${without}` });
    const card = el("a", { href: lab.link({ view: "units", unit }), text: unit });
    return el("div", { class: "reason" }, el("p", {}, card, ` ${weight > 0 ? "for" : "against"} ${said}: ${why}`), mute);
  }

  /** One sentence that says what to try next; it only goes forward. @param {number} n */
  #hinted(n) {
    if (n < this.hint) return;
    this.hint = n;
    const draws = this.lab.page.picture_shape[0] === 1; // a net of photographs is not drawn for
    if (!draws && n === 4) return;
    this.next.textContent = !draws && n < 2 ? PICTURES : HINTS[n];
    if (n === 2) this.hintTimer ??= setTimeout(() => this.#hinted(3), 15_000);
  }
}
