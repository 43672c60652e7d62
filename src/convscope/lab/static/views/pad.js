/* Shrink and pad: the ladder of the whole network, truly to scale, and the same weights at other sizes. */

import { Latest, ask } from "../api.js";
import { bars, sentence } from "../pad/answer.js";
import { Border } from "../pad/border.js";
import { changed, everywhere, fromText, inWords, toText } from "../pad/changes.js";
import { ROOM, inputRung, layerRung, scaleOf, typeset } from "../pad/rung.js";
import { button, el, say } from "../parts.js";
import { pickPicture, randomPicture } from "../picker.js";
import { pictureOf } from "../standin.js";

/** @typedef {import("../pad/rung.js").Rung} Rung */
/** @typedef {import("../pad/changes.js").Changes} Changes */

/** Wider than this the words stand beside the map. */
const NARROW = 560;
const GAP = 32;

/** @param {HTMLElement} root @param {import("../lab.js").Lab} lab */
export function mount(root, lab) {
  const view = new Pad(root, lab);
  return {
    update: () => view.ask(), leave: () => view.leave(),
    keys: [
      { keys: ["x"], says: "padding same everywhere, or as it was", act: () => view.everywhere() },
      { keys: ["z"], says: "all sizes as they were", act: () => view.go({}) },
      { keys: ["[", "]"], says: "the border as the layer below sees it, the layer above", act: (/** @type {KeyboardEvent} */ event) => view.step(event.key === "]" ? 1 : -1) },
      { keys: ["r"], says: "a random picture", act: () => lab.page.pictures.test && lab.go({ picture: randomPicture(lab) }) },
    ],
  };
}

class Pad {
  /** @param {HTMLElement} root @param {import("../lab.js").Lab} lab */
  constructor(root, lab) {
    this.lab = lab;
    this.latest = new Latest();
    /** @type {import("../packed.js").Message | null} */
    this.came = null;
    this.asked = "";
    this.border = new Border();
    this.ladder = el("ol", { class: "ladder" });
    this.said = el("p", { class: "text", role: "status" });
    this.answer = el("div");
    this.key = el("p", { class: "quiet key" }, el("i", { class: "before" }), " before ", el("i", { class: "after" }), " with the changes");
    this.reset = button("As it was", () => this.go({}), { title: "All sizes as they were" });
    this.same = el("input", { type: "checkbox", onchange: () => this.everywhere() });
    this.status = el("p", { class: "waiting", role: "status", text: "The picture goes through the network." });
    const pick = (/** @type {string} */ picture) => lab.go({ picture });
    const test = lab.page.pictures.test;
    this.columns = el("div", { class: "columns", hidden: true },
      el("section", { class: "rungs", "aria-label": "The ladder" },
        el("div", { class: "row" }, el("label", { class: "tick" }, this.same, "Padding same in every layer"), this.reset,
          test ? button("Pick a picture", () => pickPicture(lab, pick)) : null, test ? button("Random", () => pick(randomPicture(lab)), { title: "A random picture" }) : null),
        this.ladder),
      el("section", { class: "beside", "aria-label": "The answer and the border" }, el("h2", { text: "The answer" }), this.said, this.answer, this.key, el("h2", { text: "The border counts less" }), this.border.node));
    root.append(
      el("div", { class: "text lead" }, el("h1", { text: "Shrink and pad" }),
        el("p", { text: "Nine values give one, so a map is smaller than its picture. Padding, a border of zeros, makes up for it. Change a layer, and the real network is asked again, with the same weights." })),
      this.status, this.columns);
    this.watch = new ResizeObserver(() => this.wide !== this.ladder.clientWidth && this.show());
    this.watch.observe(this.ladder);
    this.leavers = [lab.on("theme", () => this.show()), lab.on("said", () => this.#heard())];
    this.ask();
  }

  leave() {
    say("");
    this.watch.disconnect();
    for (const leave of this.leavers) leave();
  }

  /** The changes that the link says. @returns {Changes} */
  get changes() {
    return fromText(this.lab.place.more.change);
  }

  /** @param {Changes} changes @param {string} [layer] */
  go(changes, layer = this.lab.place.more.layer ?? "") {
    this.lab.go({ more: { ...this.lab.kept(), change: toText(changes), layer } });
  }

  /** Padding same in every layer that has padding; or none of it. */
  everywhere() {
    const layers = this.came?.head.padded ?? [];
    this.go(everywhere(this.changes, layers, !this.#isEverywhere));
  }

  get #isEverywhere() {
    const { changes } = this;
    const layers = /** @type {string[]} */ (this.came?.head.padded ?? []);
    return layers.length > 0 && layers.every((layer) => changes[layer]?.padding === "same");
  }

  /** Another layer's view of the border. @param {number} step */
  step(step) {
    const names = this.came?.head.rungs.map((/** @type {Rung} */ rung) => rung.name) ?? [];
    const next = names[Math.max(0, Math.min(names.length - 1, names.indexOf(this.lab.place.more.layer || this.came?.head.chosen) + step))];
    if (next) this.go(this.changes, next);
  }

  /** The network was asked again: where the question is the same it has learned meanwhile. */
  #heard() {
    const again = this.heard === location.hash;
    this.heard = location.hash;
    if (again) this.asked = "";
    if (again) this.ask();
  }

  ask() {
    const { lab } = this;
    return this.latest.ask(async () => {
      try {
        const { change = "", layer = "" } = lab.place.more;
        const query = { picture: await pictureOf(lab), changes: change, layer, ...lab.net() };
        const asked = JSON.stringify([lab.place.run, query]);
        if (asked === this.asked) return;
        this.came = await ask(lab.path("pad"), query);
        this.asked = asked;
        lab.tell("trouble", null);
        this.show();
      } catch (error) {
        this.asked = "";
        this.reset.disabled = false;
        this.status.textContent = this.came ? "" : "The ladder cannot be shown; the line above says why.";
        if (this.came) this.show();
        lab.trouble(error);
      }
    });
  }

  show() {
    if (!this.came) return;
    const { head, arrays } = this.came;
    this.status.hidden = true;
    this.columns.hidden = false;
    const rungs = /** @type {Rung[]} */ (head.rungs);
    const scale = scaleOf(head.input, rungs);
    const across = (this.wide = this.ladder.clientWidth);
    const room = across > NARROW ? across - ROOM - GAP : across;
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement.id : "";
    this.ladder.replaceChildren(inputRung(arrays.picture, scale, rungs[0]), ...rungs.map((rung, n) => layerRung(rung, arrays[`maps ${rung.name}`].values, {
      scale, room, before: n ? rungs[n - 1].size : head.input.slice(1), next: rungs[n + 1], chosen: rung.name === head.chosen,
      pick: () => this.go(this.changes, rung.name), change: (key, value, was) => this.go(changed(this.changes, rung.name, key, value, was)),
    })), ...this.#end());
    if (focused) document.getElementById(focused)?.focus();
    const isChanged = this.#isChanged;
    this.reset.disabled = !isChanged;
    this.same.checked = this.#isEverywhere;
    this.border.show(this.came);
    const after = isChanged ? arrays.after?.values ?? null : arrays.before.values;
    const { values } = arrays.before;
    this.answer.replaceChildren(bars(head.classes, values, isChanged ? after : null));
    this.answer.classList.toggle("gone", isChanged && !after);
    this.key.hidden = !isChanged || !after;
    this.said.replaceChildren(...(isChanged ? this.#sentence() : ["Nothing is changed yet. Give the first layer a padding of 2, and see what becomes of the layers above."]));
  }

  get #isChanged() {
    return Object.values(this.changes).some((what) => Object.keys(what).length);
  }

  #sentence() {
    const { head, arrays } = /** @type {import("../packed.js").Message} */ (this.came);
    return sentence(head.classes, arrays.before.values, arrays.after?.values ?? null, head.stops[0]);
  }

  /** What is at the ladder's end: the answer, where something is changed; or why there is none, and what would mend it. */
  #end() {
    const { stops, beyond, mend } = this.came?.head ?? { stops: ["", ""], beyond: [], mend: [] };
    if (!stops[0]) return this.#isChanged ? [el("li", { class: "rung stop" }, el("p", { class: "text" }, ...this.#sentence()))] : [];
    const above = beyond.slice(1);
    const more = above.length ? ` So ${above.join(", ")} cannot be asked either.` : "";
    return [el("li", { class: "rung stop" }, el("div", { class: "problem stack", role: "status" },
      el("p", {}, el("b", { text: `${stops[0]} does not fit: ` }), `${typeset(stops[1])}.${more}`),
      mend.length ? el("div", { class: "row" }, el("span", { text: "It would fit again with" }), ...mend.map((/** @type {any} */ one) => button(`${one.layer}: ${inWords(one.new)}`, () => this.go(fromText(one.change)))))
        : el("p", { class: "quiet", text: "No change of a single layer more would make it fit: a network is trained for one size." })))];
  }
}
