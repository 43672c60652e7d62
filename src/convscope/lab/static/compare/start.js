/* A contest that is put together: pictures, a budget; the command that does it, and a button that starts it. */

import { Latest, ask } from "../api.js";
import { button, el } from "../parts.js";
import { Command } from "../train/command.js";

export class Start {
  /** @param {import("../lab.js").Lab} lab @param {any} known @param {any[]} sources @param {(name: string) => void} begun */
  constructor(lab, known, sources, begun) {
    this.lab = lab;
    this.begun = begun;
    this.question = new Latest();
    const changed = () => lab.go({ more: { ...lab.place.more, source: this.source.value.trim(), budget: this.budget.value, ask: this.asks.value } }, { replace: true });
    this.source = el("input", { type: "text", list: "contest-sources", spellcheck: false, autocapitalize: "off", placeholder: "photos/ or photos.zip", onchange: changed });
    this.budget = el("select", { onchange: changed }, ...known.budgets.map((/** @type {any} */ one) => el("option", { value: one.name, text: `${one.name}: ${one.about}` })));
    this.asks = el("select", { onchange: changed }, el("option", { value: "", text: "all methods that fit" }), el("option", { value: "all", text: "what convolution buys, all of it" }), ...known.experiments.map((/** @type {any} */ one) => el("option", { value: one.name, text: one.title })));
    this.command = new Command();
    this.wrong = el("p", { class: "problem", role: "alert", hidden: true });
    this.start = button("Start the contest", () => this.#start(), { class: "first" });
    const field = (/** @type {string} */ title, /** @type {any} */ input) => el("label", { class: "field" }, el("span", { text: title }), input);
    this.node = el("section", { class: "start", "aria-label": "A contest", hidden: true }, el("h2", { text: "A contest of your own" }),
      el("p", { class: "text", text: "All methods learn the same pictures, and are asked about the same others, once. Do you need a convolutional network here? This answers it. Any folder with a folder for each thing will do." }),
      el("div", { class: "fields" }, field("pictures: a name, or a path on this machine", this.source), field("how much it may cost", this.budget), field("what is asked", this.asks)),
      el("datalist", { id: "contest-sources" }, ...sources.map((one) => el("option", { value: one.name, text: one.title }))),
      el("div", { class: "row" }, this.start, this.command.node), this.wrong);
  }

  /** @param {Record<string, string>} more */
  show({ start = "", source = "mnist", budget = "quick", ask: asks = "" }) {
    this.node.hidden = start !== "1";
    if (start !== "1") return;
    if (document.activeElement !== this.source) this.source.value = source;
    this.budget.value = budget;
    this.asks.value = asks;
    const wanted = (this.wanted = { source, budget, experiments: asks ? [asks] : [] });
    this.question.ask(async () => {
      try {
        const { command, error } = await ask("contests/command", {}, { method: "POST", json: wanted });
        this.command.node.hidden = !command;
        this.command.show(command);
        this.start.disabled = Boolean(error);
        this.wrong.hidden = !error;
        this.wrong.textContent = error && `${error[0].toUpperCase()}${error.slice(1)}`;
      } catch (error) {
        this.lab.trouble(error);
      }
    });
  }

  async #start() {
    this.start.disabled = true;
    try {
      const { name } = await ask("contests", {}, { method: "POST", json: this.wanted });
      this.begun(name);
    } catch (error) {
      this.lab.trouble(error);
    }
    this.start.disabled = false;
  }
}
