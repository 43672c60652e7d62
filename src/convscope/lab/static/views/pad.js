/* Shrink and pad: the ladder of the whole network, truly to scale, and the same weights at other sizes. */

import { Latest, Problem, ask } from "../api.js";
import { paintMaps, paintPicture } from "../film.js";
import { Answers, button, el, figure, say } from "../parts.js";
import { count } from "../words.js";

/** @typedef {{ name: string, kind: string, units: number, shown: number, size: [number, number], kernel: number[] | null, stride: number[] | null, sides: number[] | null, dilation: number[], field: number[], parameters: number, can: string[], formula: string, changed: Record<string, string | number>, limit: number }} Rung */

const ROOM = 300;
const OPTIONS = { padding: [0, 1, 2, 3, "same"], stride: [1, 2, 3], dilation: [1, 2, 3] };

/** @param {HTMLElement} root @param {import("../lab.js").Lab} lab */
export function mount(root, lab) {
  const view = new Pad(root, lab);
  return { update: () => view.ask(), leave: () => view.leave(), keys: [{ keys: ["x"], says: "padding same everywhere, or as it was", act: () => view.everywhere() }] };
}

class Pad {
  /** @param {HTMLElement} root @param {import("../lab.js").Lab} lab */
  constructor(root, lab) {
    this.lab = lab;
    this.latest = new Latest();
    /** @type {import("../packed.js").Message | null} */
    this.came = null;
    this.ladder = el("ol", { class: "ladder" });
    this.picture = el("canvas", { class: "photo", "aria-label": "The picture, tinted where few values see it" });
    this.tint = el("canvas", { class: "tint", "aria-hidden": "true" });
    this.covered = el("p", { class: "quiet" });
    this.answer = el("div", { class: "stack" });
    this.reset = button("As it was", () => this.#go({}));
    this.same = el("input", { type: "checkbox", onchange: () => this.everywhere() });
    root.append(
      el("div", { class: "text lead" }, el("h1", { text: "Shrink and pad" }),
        el("p", { text: "Nine values give one, so a map is smaller than its picture. A border of zeros, the padding, makes up for it. Change a layer, and the real network is asked again with the same weights." })),
      el("div", { class: "row" }, el("label", { class: "tick" }, this.same, "padding same everywhere"), this.reset),
      el("div", { class: "columns" },
        el("section", { "aria-label": "The ladder" }, this.ladder),
        el("section", { class: "beside", "aria-label": "The border and the answer" }, el("h2", { text: "The border counts less" }),
          el("div", { class: "over" }, figure(this.picture, "picture with its coverage"), this.tint), this.covered, el("h2", { text: "The answer" }), this.answer)));
    this.#hover();
    this.leavers = [lab.on("theme", () => this.show()), lab.on("said", () => this.ask())];
    this.ask();
  }

  leave() {
    for (const leave of this.leavers) leave();
  }

  /** The changes that the link says. @returns {Record<string, Record<string, string>>} */
  get changes() {
    /** @type {Record<string, Record<string, string>>} */
    const found = {};
    for (const part of (this.lab.place.more.change ?? "").split(";").filter(Boolean)) {
      const [name, rest = ""] = part.split(":");
      found[name] = Object.fromEntries(rest.split(",").map((word) => word.split("=")));
    }
    return found;
  }

  /** @param {Record<string, Record<string, string>>} changes @param {string} [layer] */
  #go(changes, layer = this.lab.place.more.layer ?? "") {
    const text = Object.entries(changes).filter(([, what]) => Object.keys(what).length)
      .map(([name, what]) => `${name}:${Object.entries(what).map((pair) => pair.join("=")).join(",")}`).join(";");
    this.lab.go({ more: { ...this.lab.kept(), change: text, layer } });
  }

  /** Padding same in every layer that has padding; or none of it. */
  everywhere() {
    const rungs = /** @type {Rung[]} */ (this.came?.head.rungs ?? []);
    const all = [...rungs, ...this.lab.page.layers.filter((/** @type {any} */ layer) => layer.kernels && !rungs.some((rung) => rung.name === layer.name))];
    const names = all.filter((one) => one.can?.includes("padding") ?? true).map((one) => one.name);
    const on = names.every((name) => this.changes[name]?.padding === "same");
    this.#go(Object.fromEntries(names.map((name) => [name, on ? {} : { padding: "same" }])));
  }

  ask() {
    const { lab } = this;
    return this.latest.ask(async () => {
      try {
        const { change = "", layer = "" } = lab.place.more;
        const picture = await lab.pictureName();
        if (!picture) return;
        this.came = await ask(lab.path("pad"), { picture, changes: change, layer, ...lab.net() });
        lab.tell("trouble", null);
        this.show();
      } catch (error) {
        if (error instanceof Problem) this.reset.disabled = false;
        lab.trouble(error);
      }
    });
  }

  show() {
    if (!this.came) return;
    const { head, arrays } = this.came;
    const scale = Math.min(6, ROOM / Math.max(head.input[1], head.input[2]), ROOM / Math.max(...head.rungs.map((/** @type {Rung} */ rung) => rung.size[1])));
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement.id : "";
    this.ladder.replaceChildren(this.#input(scale), ...head.rungs.map((/** @type {Rung} */ rung) => this.#rung(rung, scale)), ...this.#stopped());
    if (focused) document.getElementById(focused)?.focus();
    const changed = Boolean(this.lab.place.more.change);
    this.reset.disabled = !changed;
    const padded = head.rungs.filter((/** @type {Rung} */ rung) => rung.can.includes("padding"));
    this.same.checked = padded.length > 0 && padded.every((/** @type {Rung} */ rung) => rung.changed.padding === "same");
    paintPicture(this.picture, arrays.picture.values, /** @type {any} */ (arrays.picture.shape));
    this.#tinted();
    const before = new Answers(head.classes);
    before.show(arrays.before.values);
    if (!changed) return this.answer.replaceChildren(before.node);
    const parts = [el("h3", { text: "As it was" }), before.node];
    if (arrays.after) {
      const after = new Answers(head.classes);
      after.show(arrays.after.values);
      parts.unshift(el("h3", { text: "With the changes" }), after.node);
    } else parts.unshift(el("p", { class: "problem" }, `No answer: ${head.stops[0]} does not fit any more.`));
    this.answer.replaceChildren(...parts);
  }

  /** @param {number} scale */
  #input(scale) {
    const [channels, rows, columns] = this.came?.head.input;
    const canvas = el("canvas", { class: "photo", "aria-hidden": "true" });
    paintPicture(canvas, this.came?.arrays.picture.values ?? [], /** @type {any} */ (this.came?.arrays.picture.shape));
    canvas.style.width = `${columns * scale}px`;
    return el("li", { class: "rung" }, el("div", { class: "scaled" }, canvas), el("div", { class: "says" }, el("h3", {}, "the picture ", el("span", { class: "size", text: `${rows}×${columns}` })), el("p", { class: "quiet", text: channels === 1 ? "one channel" : count(channels, "channel") })));
  }

  /** @param {Rung} rung @param {number} scale */
  #rung(rung, scale) {
    const [rows, columns] = rung.size;
    const cells = rows * columns === 1;
    const side = cells ? 8 : scale;
    const gap = cells ? 0 : 1;
    const across = cells ? Math.min(rung.shown, Math.floor(ROOM / 8)) : Math.max(1, Math.floor((ROOM + gap * side) / ((columns + gap) * side)));
    const shown = cells ? rung.shown : Math.min(rung.shown, across * (rows * side > 60 ? 1 : 2));
    const canvas = el("canvas", { class: "sheet", "aria-label": `Maps of ${rung.name}`, role: "img", data: { name: `maps of ${rung.name}` } });
    const values = this.came?.arrays[`maps ${rung.name}`].values ?? [];
    paintMaps(canvas, values, [shown, rows, columns], rung.limit, Math.min(across, shown), gap);
    canvas.style.width = `${canvas.width * side}px`;
    const chosen = rung.name === this.came?.head.chosen;
    const pick = button(rung.name, () => this.#go(this.changes, rung.name), { class: "plain name", id: `pad-${rung.name}`, "aria-pressed": String(chosen), title: "Show which pixels its values see" });
    const of = cells ? count(rung.units, "value") : `${rows}×${columns}`;
    return el("li", { class: `rung${Object.keys(rung.changed).length ? " changed" : ""}` }, el("div", { class: "scaled" }, canvas),
      el("div", { class: "says" }, el("h3", {}, pick, el("span", { class: "size", text: of }), cells ? null : el("span", { class: "quiet", text: `${count(rung.units, "map")}${shown < rung.units ? `, ${shown} shown` : ""}` })),
        rung.formula ? el("p", { class: "formula", text: rung.formula.replace(/ x /g, " × ").replace(/-/g, "−") }) : null,
        el("p", { class: "quiet", text: this.#words(rung) }), this.#switches(rung)));
  }

  /** @param {Rung} rung */
  #words(rung) {
    const kernel = rung.kernel ? `window ${rung.kernel.join("×")}; ` : "";
    return `${rung.kind}; ${kernel}a value sees ${rung.field.join("×")} pixels; ${rung.parameters ? count(rung.parameters, "weight") : "no weights"}`;
  }

  /** @param {Rung} rung */
  #switches(rung) {
    if (!rung.can.length) return null;
    return el("div", { class: "row switches" }, ...rung.can.map((key) => {
      const own = rung.changed[key] ?? this.#now(rung, key);
      const choices = [.../** @type {any} */ (OPTIONS)[key]];
      if (!choices.includes(own)) choices.push(own);
      const select = el("select", { id: `pad-${rung.name}-${key}`, onchange: () => this.#change(rung, key, select.value) },
        ...choices.map((value) => el("option", { value: String(value), text: String(value), selected: value === own })));
      return el("label", { class: "switch" }, key, select);
    }));
  }

  /** What a switch stands at while nothing is changed. @param {Rung} rung @param {string} key */
  #now(rung, key) {
    if (key === "stride") return rung.stride?.[0] ?? 1;
    if (key === "dilation") return rung.dilation[0];
    const sides = rung.sides ?? [0];
    return sides.every((side) => side === sides[0]) ? sides[0] : "same";
  }

  /** @param {Rung} rung @param {string} key @param {string} value */
  #change(rung, key, value) {
    const changes = this.changes;
    this.#go({ ...changes, [rung.name]: { ...changes[rung.name], [key]: value } });
  }

  /** Where the ladder ends, and why. */
  #stopped() {
    const { stops, beyond } = this.came?.head ?? { stops: ["", ""], beyond: [] };
    if (!stops[0]) return [];
    const above = beyond.slice(1);
    return [el("li", { class: "rung stop" }, el("p", { class: "problem", role: "status" }, el("b", { text: `${stops[0]} does not fit: ` }), `${stops[1].replace(/(\d) x (?=\d)/g, "$1 × ")}.`,
      above.length ? ` So ${above.join(", ")} cannot be asked either.` : ""))];
  }

  /** The picture's pixels, the darker the fewer values see them. */
  #tinted() {
    const { values, shape } = /** @type {import("../packed.js").Message} */ (this.came).arrays.coverage;
    const most = Math.max(...values);
    const [rows, columns] = shape;
    Object.assign(this.tint, { width: columns, height: rows });
    const ink = /** @type {CanvasRenderingContext2D} */ (this.tint.getContext("2d"));
    const image = ink.createImageData(columns, rows);
    for (let n = 0; n < rows * columns; n++) {
      image.data.set([214, 120, 0, most ? Math.round(190 * (1 - values[n] / most)) : 0], 4 * n);
    }
    ink.putImageData(image, 0, 0);
    const { chosen, values: places } = this.came?.head;
    const least = Math.min(...values);
    this.covered.textContent = most === least
      ? `Every pixel is seen by ${most === places ? "all" : most} of the ${count(places, "value")} of a map of ${chosen}.`
      : `How many of the ${count(places, "value")} of a map of ${chosen} see a pixel: from ${least} where it is orange to ${most} where it is clear. Point at a pixel; choose a layer by its name.`;
  }

  #hover() {
    this.picture.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
      if (!this.came) return;
      const { values, shape } = this.came.arrays.coverage;
      const box = this.picture.getBoundingClientRect();
      const at = (/** @type {number} */ along, /** @type {number} */ size, /** @type {number} */ n) => Math.max(0, Math.min(n - 1, Math.floor((along / size) * n)));
      const [y, x] = [at(event.clientY - box.top, box.height, shape[0]), at(event.clientX - box.left, box.width, shape[1])];
      say(`row ${y}, column ${x}: seen by ${values[y * shape[1] + x]} of ${Math.max(...values)} that could`, event);
    });
    this.picture.addEventListener("pointerleave", () => say(""));
  }
}
