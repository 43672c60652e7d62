/* A large picture that is zoomed and moved, with heat over it, a frame around each find, and the window under the pointer. */

import { address } from "../api.js";
import { colour } from "../film.js";
import { el, say } from "../parts.js";
import { percent } from "../words.js";
import { at } from "./finds.js";
import { onto, partOf, scaleOf, toBoard, toPicture, toText, whole, within, zoomed } from "./frame.js";

/** @typedef {import("./frame.js").Look} Look */
/** @typedef {import("./frame.js").Pair} Pair */
/** @typedef {import("./frame.js").Part} Part */
/** @typedef {import("./finds.js").Box} Box */
/** @typedef {{ source: import("../api.js").Query, path: string, head: any, arrays: Record<string, import("../packed.js").Values>, boxes: Box[], chosen: number, warm: boolean }} Shown */

const WHOLE = 2048; // pixels of the picture that is fetched first, along its longer side
const REST = 150;
const STEP = 1.5;
const WARM = 190; // of 255: so much the film covers where the net is sure
const FAINT = 0.05; // a chance below which nothing is there
const LABELLED = 12; // pixels of the board that a find must have to be labelled

export class Board {
  /**
   * @param {object} how
   * @param {(n: number) => void} how.chose  a find was chosen, or none (-1)
   * @param {(look: string) => void} how.looked  somebody has moved or zoomed, and rests
   */
  constructor(how) {
    this.how = how;
    /** @type {Shown | null} */
    this.shown = null;
    /** @type {Look} */
    this.look = { x: 0, y: 0, zoom: 1 };
    /** The whole picture, and a part of it that is seen nearer. @type {{ image: HTMLImageElement, part: Part }[]} */
    this.layers = [];
    this.asked = "";
    /** The window under the pointer. @type {Part | null} */
    this.window = null;
    /** @type {Map<number, PointerEvent>} */
    this.held = new Map();
    this.moved = false;
    this.heat = el("canvas");
    this.canvas = el("canvas", { data: { name: "what was found" }, "aria-hidden": "true" });
    this.node = el("div", { class: "finding", tabIndex: 0, role: "application", "aria-label": "The picture with what was found. Plus and minus zoom, arrow keys move, n and p go from find to find." }, this.canvas);
    this.#listen();
  }

  /** @returns {Pair} */
  get size() {
    return this.shown?.head.size ?? [1, 1];
  }

  /** @type {Pair} */
  get board() {
    return [Math.max(1, this.node.clientWidth), Math.max(1, this.node.clientHeight)];
  }

  /** @param {Shown} shown @param {Look | null} look  where the link looks, or null: at the whole */
  show(shown, look) {
    const asked = JSON.stringify([shown.path, shown.source]);
    const other = asked !== this.asked;
    this.shown = shown;
    this.node.parentElement?.style.setProperty("--ratio", String(shown.head.size[0] / shown.head.size[1]));
    if (other) {
      this.asked = asked;
      this.layers = [];
      this.#fetch({ left: 0, top: 0, width: this.size[0], height: this.size[1] }, WHOLE, 0);
    }
    if (other || look) this.look = within(look ?? whole(this.size), this.size, this.board);
    this.#warm();
    this.draw();
    this.#sharpen();
  }

  /** Go near a find. @param {Box} box */
  near(box) {
    const frame = { left: box.x, top: box.y, width: box.width, height: box.height };
    const { zoom } = onto(frame, this.size, this.board);
    this.#to(within({ x: box.x + box.width / 2, y: box.y + box.height / 2, zoom: Math.max(this.look.zoom, Math.min(zoom, 4)) }, this.size, this.board));
  }

  /** @param {number} times */
  zoom(times) {
    this.#to(zoomed(this.look, this.size, this.board, times ? times : 1 / this.look.zoom, [this.board[0] / 2, this.board[1] / 2]));
  }

  /** Move by a part of what is seen. @param {number} right @param {number} down */
  move(right, down) {
    const seen = partOf(this.look, this.size, this.board);
    this.#to(within({ ...this.look, x: this.look.x + right * seen.width, y: this.look.y + down * seen.height }, this.size, this.board));
  }

  /** @param {Look} look */
  #to(look) {
    this.look = look;
    this.draw();
    this.#sharpen();
    clearTimeout(this.restSoon);
    this.restSoon = setTimeout(() => this.how.looked(this.look.zoom > 1 ? toText(this.look) : ""), 2 * REST);
  }

  leave() {
    clearTimeout(this.sharpSoon);
    clearTimeout(this.restSoon);
    say("");
  }

  /** Fetch a part of the picture, to lie over the first `below` layers. @param {Part} part @param {number} side @param {number} below */
  #fetch(part, side, below) {
    const { shown, asked } = this;
    if (!shown) return;
    const image = new Image();
    image.onload = () => {
      if (asked !== this.asked) return;
      this.layers = [...this.layers.slice(0, below), { image, part }];
      this.draw();
    };
    image.src = address(shown.path, { ...shown.source, ...part, side });
  }

  /** Where one looks nearer than the whole picture was fetched: that part of it as sharp as it can be seen. */
  #sharpen() {
    clearTimeout(this.sharpSoon);
    this.sharpSoon = setTimeout(() => {
      const scale = scaleOf(this.look, this.size, this.board) * devicePixelRatio;
      const had = Math.min(1, WHOLE / Math.max(...this.size));
      const part = partOf(this.look, this.size, this.board);
      if (this.layers.length && Math.min(1, scale) > 1.05 * had) this.#fetch(part, Math.min(WHOLE, Math.max(1, Math.ceil(Math.max(part.width, part.height) * Math.min(1, scale)))), 1);
    }, REST);
  }

  /** The heat as film: the surer, the greener. */
  #warm() {
    const heat = this.shown?.arrays.heat;
    if (!heat) return void (this.heat.width = 0);
    const [rows, columns] = heat.shape;
    [this.heat.width, this.heat.height] = [columns, rows];
    const ink = /** @type {CanvasRenderingContext2D} */ (this.heat.getContext("2d"));
    const image = ink.createImageData(columns, rows);
    const [r, g, b] = (colour(1, 1).match(/\d+/g) ?? []).map(Number);
    heat.values.forEach((chance, n) => image.data.set([r, g, b, chance * WARM], 4 * n));
    ink.putImageData(image, 0, 0);
  }

  draw() {
    const { shown, canvas, look, size } = this;
    if (!shown) return;
    this.node.classList.toggle("near", look.zoom > 1);
    const board = this.board;
    const sharp = devicePixelRatio || 1;
    [canvas.width, canvas.height] = board.map((side) => Math.round(side * sharp));
    const ink = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    ink.scale(sharp, sharp);
    const scale = scaleOf(look, size, board);
    const [left, top] = toBoard(look, size, board, [0, 0]);
    ink.imageSmoothingEnabled = scale < 2;
    for (const { image, part } of this.layers) ink.drawImage(image, left + part.left * scale, top + part.top * scale, part.width * scale, part.height * scale);
    ink.imageSmoothingEnabled = true;
    if (shown.warm && this.heat.width) {
      const cell = shown.head.cell * scale;
      ink.save();
      ink.beginPath();
      ink.rect(left, top, size[0] * scale, size[1] * scale);
      ink.clip();
      ink.drawImage(this.heat, left, top, this.heat.width * cell, this.heat.height * cell);
      ink.restore();
    }
    this.#frames(ink);
  }

  /** @param {CanvasRenderingContext2D} ink */
  #frames(ink) {
    const { shown, look, size, board } = this;
    if (!shown) return;
    const style = getComputedStyle(this.node);
    const scale = scaleOf(look, size, board);
    const [mark, green, paper, words] = ["--mark", "--green", "--paper", "--ink"].map((name) => style.getPropertyValue(name));
    ink.font = `600 12px ${style.fontFamily}`;
    ink.textBaseline = "bottom";
    shown.boxes.map((box, n) => ({ box, n })).reverse().forEach(({ box, n }) => {
      const [x, y] = toBoard(look, size, board, [box.x, box.y]);
      const [wide, high] = [box.width * scale, box.height * scale];
      if (x > board[0] || y > board[1] || x + wide < 0 || y + high < 0) return;
      const chosen = n === shown.chosen;
      ink.strokeStyle = chosen ? green : mark;
      ink.lineWidth = chosen ? 3 : 1.5;
      ink.strokeRect(x, y, wide, high);
      if (Math.max(wide, high) < LABELLED && !chosen) return;
      const across = ink.measureText(box.label).width + 6;
      const above = y > 16 ? y : y + high + 16;
      ink.fillStyle = chosen ? green : paper;
      ink.fillRect(x - 1, above - 16, across, 15);
      ink.fillStyle = chosen ? paper : words;
      ink.fillText(box.label, x + 2, above - 1);
    });
    if (!this.window) return;
    const [x, y] = toBoard(look, size, board, [this.window.left, this.window.top]);
    ink.setLineDash([5, 4]);
    ink.strokeStyle = words;
    ink.lineWidth = 1.5;
    ink.strokeRect(x, y, this.window.width * scale, this.window.height * scale);
    ink.setLineDash([]);
  }

  #listen() {
    const { node } = this;
    node.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
      this.held.set(event.pointerId, event);
      this.moved = false;
      if (this.look.zoom > 1) node.setPointerCapture(event.pointerId);
    });
    node.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => (this.held.has(event.pointerId) ? this.#drag(event) : this.#hover(event)));
    node.addEventListener("pointerup", (/** @type {PointerEvent} */ event) => {
      this.held.delete(event.pointerId);
      if (!this.moved) this.how.chose(this.#under(event));
    });
    for (const name of ["pointercancel", "lostpointercapture"]) node.addEventListener(name, (/** @type {PointerEvent} */ event) => this.held.delete(event.pointerId));
    node.addEventListener("pointerleave", () => this.#hover(null));
    node.addEventListener("dblclick", (/** @type {MouseEvent} */ event) => this.#to(zoomed(this.look, this.size, this.board, STEP * STEP, this.#on(event))));
    node.addEventListener("wheel", (/** @type {WheelEvent} */ event) => {
      if (!event.ctrlKey && !event.metaKey && this.look.zoom === 1 && event.deltaY > 0) return; // the page scrolls on
      event.preventDefault();
      this.#to(zoomed(this.look, this.size, this.board, Math.exp(-event.deltaY / 400), this.#on(event)));
    }, { passive: false });
  }

  /** @param {{ clientX: number, clientY: number }} event @returns {Pair} */
  #on(event) {
    const box = this.node.getBoundingClientRect();
    return [event.clientX - box.left - this.node.clientLeft, event.clientY - box.top - this.node.clientTop];
  }

  /** @param {PointerEvent} event */
  #drag(event) {
    const before = /** @type {PointerEvent} */ (this.held.get(event.pointerId));
    const others = [...this.held.values()].filter((one) => one.pointerId !== event.pointerId);
    const [x, y] = [event.clientX - before.clientX, event.clientY - before.clientY];
    if (!this.moved && !others.length && Math.hypot(x, y) < 4) return;
    this.moved = true;
    this.held.set(event.pointerId, event);
    if (others.length) {
      const far = (/** @type {PointerEvent} */ one) => Math.hypot(one.clientX - others[0].clientX, one.clientY - others[0].clientY);
      const middle = { clientX: (event.clientX + others[0].clientX) / 2, clientY: (event.clientY + others[0].clientY) / 2 };
      return this.#to(zoomed(this.look, this.size, this.board, far(event) / Math.max(1, far(before)), this.#on(middle)));
    }
    const scale = scaleOf(this.look, this.size, this.board);
    this.#to(within({ ...this.look, x: this.look.x - x / scale, y: this.look.y - y / scale }, this.size, this.board));
  }

  /** @param {PointerEvent} event */
  #under(event) {
    const [x, y] = toPicture(this.look, this.size, this.board, this.#on(event));
    return this.shown ? at(this.shown.boxes, x, y) : -1;
  }

  /** Say how sure the net is under the pointer, and frame what it saw. @param {PointerEvent | null} event */
  #hover(event) {
    const { shown } = this;
    this.window = null;
    if (!event || event.pointerType === "touch" || !shown?.arrays.heat) {
      say("");
      return this.draw();
    }
    const { heat, sizes, classes } = shown.arrays;
    const [rows, columns] = heat.shape;
    const [x, y] = toPicture(this.look, this.size, this.board, this.#on(event));
    const { cell, windows } = shown.head;
    const [i, j] = [Math.floor(y / cell), Math.floor(x / cell)];
    if (i < 0 || j < 0 || i >= rows || j >= columns) say("");
    else {
      const n = i * columns + j;
      const [high, wide] = windows[sizes.values[n]] ?? [0, 0];
      const box = shown.boxes[at(shown.boxes, x, y)];
      const what = `${shown.head.classes[classes.values[n]]}, ${percent(heat.values[n])}`;
      if (heat.values[n] >= FAINT) this.window = { left: (j + 0.5) * cell - wide / 2, top: (i + 0.5) * cell - high / 2, width: wide, height: high };
      const seen = this.window ? `Surest here: ${what}, with a window of ${Math.round(wide)}×${Math.round(high)}.` : `Nothing here: at most ${what}.`;
      say(`${box ? `Found: ${box.label}, ${percent(box.score)}. ` : ""}${seen}`, event);
    }
    this.draw();
  }
}
