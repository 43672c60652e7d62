/* A command line as it would be typed, to be copied. */

import { button, el } from "../parts.js";

export class Command {
  constructor() {
    this.code = el("code");
    this.copy = button("Copy", () => this.#copy(), { class: "plain" });
    this.node = el("div", { class: "command" }, el("pre", { tabIndex: 0, role: "region", "aria-label": "The command line" }, el("span", { class: "quiet", "aria-hidden": "true", text: "$ " }), this.code), this.copy);
  }

  /** @param {string} text */
  show(text) {
    this.code.textContent = text;
  }

  async #copy() {
    try {
      await navigator.clipboard.writeText(this.code.textContent ?? "");
      this.copy.textContent = "Copied";
    } catch {
      getSelection()?.selectAllChildren(this.code);
      this.copy.textContent = "Selected";
    }
    setTimeout(() => (this.copy.textContent = "Copy"), 2000);
  }
}
