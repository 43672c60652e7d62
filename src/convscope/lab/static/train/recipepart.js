/* The recipe of a training: the few knobs that matter first, the distortions as one switch, all others behind "more". */

import { button, el } from "../parts.js";
import { recipeOf } from "./wanted.js";

/** @typedef {import("./wanted.js").Knob} Knob */
/** @typedef {import("./wanted.js").Recipe} Recipe */
/** @typedef {import("./wanted.js").Wanted} Wanted */

const FIRST = ["epochs", "batch", "rate"];
const DISTORTIONS = ["shift", "rotate", "scale", "squeeze", "shear", "elastic"];
const MILD = "lenet5-distorted";
/** @type {Record<string, string>} */
const SIMPLE = { epochs: "how often it sees all the pictures", batch: "pictures it looks at before it changes its numbers", rate: "learning rate: how much it changes them each time" };

export class RecipePart {
  /**
   * @param {{ recipes: Recipe[], knobs: Knob[] }} all
   * @param {(changes: Record<string, string>) => void} changed  keys of the link
   */
  constructor({ recipes, knobs }, changed) {
    this.recipes = recipes;
    this.knobs = knobs;
    this.changed = changed;
    /** @type {Map<string, { input: any, note: any, knob: Knob }>} */
    this.fields = new Map();
    this.select = el("select", { "aria-label": "A recipe", onchange: () => this.#named() });
    this.about = el("p", { class: "quiet" });
    this.mild = el("input", { type: "checkbox", onchange: () => this.#distort() });
    this.seed = el("input", { type: "number", min: 0, max: 999999999, step: 1, onchange: () => changed({ seed: this.seed.value === "0" ? "" : this.seed.value }) });
    const named = (/** @type {string[]} */ names) => knobs.filter(({ name }) => names.includes(name)).map((knob) => this.#field(knob));
    const others = knobs.map(({ name }) => name).filter((name) => !FIRST.includes(name) && !DISTORTIONS.includes(name));
    this.distortions = el("details", {}, el("summary", { text: "How much" }), ...named(DISTORTIONS));
    this.more = el("details", {}, el("summary", { text: "More knobs" }), ...named(others),
      el("label", { class: "field" }, el("span", { text: "seed" }), this.seed, el("small", { class: "quiet", text: "The same seed gives the same bits." })));
    this.back = button("All as the recipe says", () => changed({ ...Object.fromEntries(knobs.map(({ name }) => [name, ""])), seed: "" }), { class: "plain", hidden: true });
    this.node = el("section", { class: "recipe", "aria-label": "The recipe" }, el("h3", { text: "3 · A recipe" }), this.select, this.about, ...named(FIRST),
      el("label", { class: "tick" }, this.mild, "Distort the pictures a little, anew each time"), this.distortions, this.more, this.back);
  }

  /** @param {Wanted} wanted */
  show(wanted) {
    const own = recipeOf(this.recipes, { ...wanted, recipe: null });
    this.recipe = recipeOf(this.recipes, wanted);
    this.select.replaceChildren(el("option", { value: "", text: `${own.name} (its own)` }), ...this.recipes.filter(({ name }) => name !== own.name).map(({ name }) => el("option", { value: name, text: name })));
    this.select.value = this.recipe.name === own.name ? "" : this.recipe.name;
    const about = this.recipe.about;
    this.about.textContent = `${about[0].toUpperCase()}${about.slice(1)}.`;
    for (const [name, { input, note }] of this.fields) {
      const said = this.recipe.knobs[name];
      const value = wanted.knobs[name] ?? said;
      if (document.activeElement !== input) input.value = String(value);
      const other = String(value) !== String(said);
      note.textContent = other ? `The recipe says ${said === "" ? "nothing" : said}.` : "";
      note.hidden = !other;
    }
    if (document.activeElement !== this.seed) this.seed.value = String(wanted.seed);
    const now = (/** @type {string} */ name) => Number(wanted.knobs[name] ?? this.recipe?.knobs[name]);
    this.mild.checked = DISTORTIONS.some((name) => now(name) > 0);
    this.back.hidden = !Object.keys(wanted.knobs).length && !wanted.seed;
  }

  /** @param {Knob} knob */
  #field(knob) {
    const { name, help, unit, names, whole, low, high } = knob;
    const change = () => this.changed({ [name]: String(input.value) === String(this.recipe?.knobs[name]) ? "" : input.value });
    const input = names.length
      ? el("select", { onchange: change }, ...names.map((one) => el("option", { value: one, text: one })))
      : el("input", { type: "number", min: low, max: high, step: whole ? 1 : "any", inputMode: whole ? "numeric" : "decimal", onchange: change });
    const note = el("small", { class: "other", hidden: true });
    this.fields.set(name, { input, note, knob });
    const label = unit && unit !== "pictures" ? `${name}, in ${unit}` : name;
    return el("label", { class: "field knob", title: help }, el("span", { text: label }), input, el("small", { class: "quiet", text: `${SIMPLE[name] ?? help}.` }), note);
  }

  #named() {
    const none = Object.fromEntries(this.knobs.map(({ name }) => [name, ""]));
    this.changed({ ...none, recipe: this.select.value });
  }

  #distort() {
    const mild = this.recipes.find(({ name }) => name === MILD)?.knobs ?? {};
    const value = (/** @type {string} */ name) => String(this.mild.checked ? mild[name] ?? 0 : 0);
    this.changed(Object.fromEntries(DISTORTIONS.map((name) => [name, value(name) === String(this.recipe?.knobs[name]) ? "" : value(name)])));
    this.distortions.open = this.mild.checked;
  }
}
