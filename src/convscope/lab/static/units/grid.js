/* The units of a layer, the ones first that matter most: each with its sheet, its map, and what it is in words. */

import { legend, paintMap, theme } from "../film.js";
import { button, el, still } from "../parts.js";
import { count, number } from "../words.js";
import { muted, toggled, touched } from "./ops.js";

/** @typedef {{ unit: number, why: string, pattern: string, dead: boolean, twin: { unit: string, correlation: number } | null }} Line */

const MOVES = 250;

export class Grid {
  /** @param {import("../lab.js").Lab} lab @param {(ops: string[]) => void} operate @param {() => void} more */
  constructor(lab, operate, more) {
    this.lab = lab;
    this.operate = operate;
    /** @type {Map<number, Tile>} */
    this.tiles = new Map();
    /** @type {number[]} */
    this.order = [];
    this.total = 0;
    this.list = el("ol", { class: "tiles" });
    this.list.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this.#walk(event));
    this.more = button("More units", more);
    this.words = el("p", { class: "quiet", role: "status" });
    this.scale = el("div", { class: "scales" });
    this.node = el("div", { class: "grid" }, this.list, el("div", { class: "row" }, this.more, this.words));
    this.watch = new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && !this.more.hidden && more(), { rootMargin: "200px" });
  }

  enter() {
    this.watch.observe(this.more);
  }

  leave() {
    this.watch.disconnect();
  }

  clear() {
    this.tiles.clear();
    this.order = [];
    this.list.replaceChildren();
    this.scale.replaceChildren();
    this.words.textContent = "";
    this.more.hidden = true;
  }

  /** Units in their order, from the place on where they begin. @param {import("../packed.js").Message} message */
  show({ head, arrays }) {
    const { list } = this;
    const was = still() ? null : new Map([...this.tiles].map(([unit, tile]) => [unit, tile.node.getBoundingClientRect()]));
    this.order = [...this.order.slice(0, head.start), ...head.units.map((/** @type {Line} */ line) => line.unit)];
    this.total = head.total;
    head.units.forEach((/** @type {Line} */ line, /** @type {number} */ n) => {
      const tile = this.tiles.get(line.unit) ?? new Tile(this.lab, head.layer, line.unit, this.operate);
      this.tiles.set(line.unit, tile);
      tile.says(line);
      tile.paint(head, arrays, n);
      if (list.children[head.start + n] !== tile.node) list.insertBefore(tile.node, list.children[head.start + n] ?? null);
    });
    for (const [unit, tile] of this.tiles)
      if (!this.order.includes(unit)) {
        tile.node.remove();
        this.tiles.delete(unit);
      }
    if (was && head.start === 0) this.#move(was);
    this.more.hidden = this.order.length >= head.total;
    this.words.textContent = this.more.hidden ? "" : `${this.order.length} of ${count(head.total, "unit")}`;
    this.#legends(head);
    this.mark();
  }

  /** Say what could be had, with a button that gets it. @param {string} words @param {() => void} act */
  offer(words, act) {
    this.words.replaceChildren(words, " ", button("Ask it", () => ((this.words.textContent = "It is asked."), act()), { class: "small" }));
  }

  /** The same units of another net: their kernels and maps. @param {import("../packed.js").Message} message */
  repaint({ head, arrays }) {
    head.units.forEach((/** @type {Line} */ { unit }, /** @type {number} */ n) => this.tiles.get(unit)?.paint(head, arrays, n));
    this.#legends(head);
  }

  /** @param {any} head */
  #legends(head) {
    const shown = `${head.kernel_limit} ${head.map_limit} ${theme()}`;
    if (this.scale.dataset.shown === shown && this.scale.children.length) return;
    this.scale.dataset.shown = shown;
    this.scale.replaceChildren(legend(head.kernel_limit, "sheets: the numbers of a kernel"), legend(head.map_limit, "maps: its sum at each place"));
  }

  /** Tiles glide from where they were to their new places. @param {Map<number, DOMRect>} was */
  #move(was) {
    for (const [unit, tile] of this.tiles) {
      const before = was.get(unit);
      if (!before) continue;
      const now = tile.node.getBoundingClientRect();
      const [x, y] = [before.left - now.left, before.top - now.top];
      if (x || y) tile.node.animate([{ transform: `translate(${x}px, ${y}px)` }, { transform: "none" }], { duration: MOVES, easing: "ease" });
    }
  }

  /** The tile of a unit. @param {string} unit @returns {HTMLElement | undefined} */
  tile(unit) {
    return [...this.tiles.values()].find((tile) => tile.name === unit)?.node;
  }

  /** Which unit is open, and what is done to each. */
  mark() {
    const { ops, unit } = this.lab.place;
    const first = this.order.find((k) => this.tiles.get(k)?.name === unit) ?? this.order[0];
    for (const [k, tile] of this.tiles) tile.mark(tile.name === unit, ops, k === first);
  }

  /** @param {KeyboardEvent} event */
  #walk(event) {
    const links = [...this.list.querySelectorAll("a.open")];
    const at = links.indexOf(/** @type {Element} */ (document.activeElement));
    if (at < 0) return;
    const across = Math.max(1, links.filter((link) => link.getBoundingClientRect().top === links[0].getBoundingClientRect().top).length);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, ArrowDown: at + across, ArrowUp: at - across, Home: 0, End: links.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = /** @type {HTMLElement | undefined} */ (links[to]);
    if (!next) return;
    for (const link of links) /** @type {HTMLElement} */ (link).tabIndex = link === next ? 0 : -1;
    next.focus();
  }
}

class Tile {
  /** @param {import("../lab.js").Lab} lab @param {string} layer @param {number} unit @param {(ops: string[]) => void} operate */
  constructor(lab, layer, unit, operate) {
    this.lab = lab;
    this.name = `${layer}/${unit}`;
    this.kernel = el("canvas", { class: "film sheet", role: "img", "aria-label": `kernel of ${this.name}`, data: { name: `kernel of ${this.name}` } });
    this.map = el("canvas", { class: "film map", role: "img", "aria-label": `map of ${this.name}`, data: { name: `map of ${this.name}` } });
    this.about = el("span", { class: "about" });
    this.why = el("span", { class: "quiet because" });
    this.link = el("a", { class: "open", href: "#" }, el("b", { text: this.name }), this.about, this.why);
    this.mute = button("Mute", () => operate(toggled(lab.place.ops, this.name)), { class: "mute" });
    this.node = el("li", { class: "tile" }, el("div", { class: "films", "aria-hidden": "true" }, this.kernel, this.map), this.link, this.mute);
  }

  /** @param {Line} line */
  says(line) {
    const marks = [line.dead ? "dead" : "", line.twin ? `twin of ${line.twin.unit} (${number(line.twin.correlation)})` : ""].filter(Boolean);
    this.about.textContent = line.pattern;
    this.why.textContent = [...marks, line.why].filter(Boolean).join("; ");
    this.node.classList.toggle("dead", line.dead);
  }

  /** @param {any} head @param {Record<string, { values: ArrayLike<number>, shape: number[] }>} arrays @param {number} n */
  paint(head, { kernels, maps }, n) {
    const [, slices, rows, columns] = kernels.shape;
    const one = rows * columns;
    if (slices === 1) paintMap(this.kernel, kernels.values, rows, columns, head.kernel_limit, n * one);
    else paintColours(this.kernel, kernels.values, n * slices * one, rows, columns, head.kernel_limit);
    const [, high, wide] = maps.shape;
    paintMap(this.map, maps.values, high, wide, head.map_limit, n * high * wide);
    this.map.classList.toggle("value", high * wide === 1);
  }

  /** @param {boolean} open @param {string[]} ops @param {boolean} first whether Tab leads to it */
  mark(open, ops, first) {
    const silent = muted(ops, this.name);
    const { lab } = this;
    this.link.href = lab.link({ view: "units", unit: this.name });
    this.link.tabIndex = first ? 0 : -1;
    if (open) this.link.setAttribute("aria-current", "true");
    else this.link.removeAttribute("aria-current");
    this.node.classList.toggle("muted", silent);
    this.node.classList.toggle("touched", touched(ops, this.name));
    this.mute.textContent = silent ? "Unmute" : "Mute";
    this.mute.setAttribute("aria-pressed", String(silent));
    this.mute.setAttribute("aria-label", `${silent ? "Unmute" : "Mute"} ${this.name}`);
    this.mute.tabIndex = first ? 0 : -1;
  }
}

/** A kernel over red, green and blue: middle grey is zero. @param {HTMLCanvasElement} canvas @param {ArrayLike<number>} values @param {number} from @param {number} rows @param {number} columns @param {number} limit */
export function paintColours(canvas, values, from, rows, columns, limit) {
  [canvas.width, canvas.height] = [columns, rows];
  const ink = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const image = ink.createImageData(columns, rows);
  const one = rows * columns;
  for (let n = 0; n < one; n++) {
    for (let c = 0; c < 3; c++) image.data[4 * n + c] = 128 + Math.round(127 * Math.max(-1, Math.min(1, values[from + c * one + n] / limit)));
    image.data[4 * n + 3] = 255;
  }
  ink.putImageData(image, 0, 0);
}
