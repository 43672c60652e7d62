/* What is to be trained: pictures, a network, a recipe; the command that does it, and a button that starts it. */

import { Latest, ask } from "../api.js";
import { button, el } from "../parts.js";
import { Command } from "./command.js";
import { NetPart } from "./netpart.js";
import { RecipePart } from "./recipepart.js";
import { SourcePart } from "./sourcepart.js";
import { states } from "./states.js";
import { wantedOf } from "./wanted.js";

export class Compose {
  /** @param {HTMLElement} root @param {import("../lab.js").Lab} lab @param {{ sources: any[], nets: any[], recipes: any }} all */
  constructor(root, lab, { sources, nets, recipes }) {
    this.lab = lab;
    this.knobs = recipes.knobs;
    this.question = new Latest();
    this.left = false;
    this.source = new SourcePart(sources, recipes.fits, (changes) => this.#change(changes), (shape, classes) => this.net.fit(shape, classes));
    this.source.takeDropped(root);
    this.net = new NetPart(nets, (net, typed) => this.#change({ net, ...this.#recipeOf(typed) }));
    this.recipe = new RecipePart(recipes, (changes) => this.#change(changes));
    this.command = new Command();
    this.wrong = el("p", { class: "problem", role: "alert", hidden: true });
    this.start = button("Start the training", () => this.#start(), { class: "first" });
    this.going = el("div", { class: "going" });
    root.replaceChildren(
      el("header", {}, el("h2", { text: "Teach a network" }), el("p", { class: "text", text: "It looks at the pictures again and again, and changes its numbers a little each time it is wrong. You can watch its kernels form." }),
        el("div", { class: "row start" }, this.start, this.command.node), this.wrong),
      el("div", { class: "columns" }, this.source.node, this.net.node, this.recipe.node), this.going);
    this.update();
    this.#going();
  }

  update() {
    const wanted = wantedOf(this.lab.place.more, this.knobs);
    this.wanted = wanted;
    this.net.show(wanted.net);
    this.recipe.show(wanted);
    this.source.show(wanted);
    this.#check();
  }

  leave() {
    this.left = true;
    this.source.leave();
    this.net.leave();
  }

  /** @param {Record<string, string>} changes */
  #change(changes) {
    if (!this.left) this.lab.go({ more: { ...this.lab.place.more, ...changes } }, { replace: true });
  }

  /** A text that is edited keeps the recipe that it had; another network of the zoo brings its own. @param {boolean} typed */
  #recipeOf(typed) {
    return { recipe: typed ? this.recipe.recipe?.name ?? "" : "" };
  }

  /** The command line, or what is wrong with what is wanted. */
  #check() {
    this.question.ask(async () => {
      try {
        const { command, error, line } = await ask("trainings/command", {}, { method: "POST", json: this.wanted });
        if (command) this.command.show(command);
        this.start.disabled = Boolean(error);
        this.wrong.hidden = !error || error === this.source.problem; // it is said there already
        const words = line ? "The network's text is wrong: it is marked there, and mended first." : error;
        this.wrong.textContent = words && `${words[0].toUpperCase()}${words.slice(1)}`;
      } catch (error) {
        this.lab.trouble(error);
      }
    });
  }

  async #start() {
    this.start.disabled = true;
    try {
      const { line } = await ask("trainings", {}, { method: "POST", json: this.wanted });
      this.lab.go({ more: { ...this.lab.kept(), training: line.name } });
    } catch (error) {
      this.start.disabled = false;
      this.lab.trouble(error);
    }
  }

  /** The trainings that go on, or went on since the page's server began. */
  async #going() {
    const listed = await ask("trainings").catch(() => []);
    if (!listed.length) return;
    const rows = listed.slice(0, 8).map((/** @type {any} */ line) => el("li", {}, el("a", { href: this.lab.link({ more: { ...this.lab.kept(), training: line.name } }), text: line.name }), ` ${line.net} learns ${String(line.source).split("/").pop()}: ${states(line).toLowerCase()}`));
    this.going.replaceChildren(el("h3", { text: "Started here" }), el("ul", { class: "notes" }, ...rows));
  }
}
