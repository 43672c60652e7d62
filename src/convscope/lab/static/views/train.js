/* Train: what is to be trained, or a training that is watched; the link says which. */

import { ask } from "../api.js";
import { el } from "../parts.js";
import { Compose } from "../train/compose.js";
import { Watch } from "../train/watch.js";

/** @param {HTMLElement} root @param {import("../lab.js").Lab} lab */
export function mount(root, lab) {
  const view = new Train(root, lab);
  return { update: () => view.update(), leave: () => view.leave(), keys: [{ keys: ["p"], says: "pause the training, or let it go on", act: () => view.turn() }] };
}

class Train {
  /** @param {HTMLElement} root @param {import("../lab.js").Lab} lab */
  constructor(root, lab) {
    this.root = root;
    this.lab = lab;
    this.left = false;
    /** The training that is watched, "" while one is put together. @type {string | null} */
    this.training = null;
    /** @type {Watch | Compose | null} */
    this.shown = null;
    this.update();
  }

  update() {
    const training = this.lab.place.more.training ?? "";
    if (training === this.training) {
      if (this.shown instanceof Compose) this.shown.update();
      return;
    }
    this.shown?.leave();
    this.shown = null;
    this.training = training;
    if (training) this.shown = new Watch(this.root, this.lab, training);
    else this.#compose();
  }

  turn() {
    if (this.shown instanceof Watch) this.shown.turn();
  }

  leave() {
    this.left = true;
    this.shown?.leave();
  }

  async #compose() {
    this.root.replaceChildren(el("p", { class: "waiting", text: "The sources, networks and recipes are fetched." }));
    try {
      const [sources, nets, recipes] = await Promise.all(["sources", "nets", "recipes"].map((path) => ask(path)));
      if (this.left || this.training !== "" || this.shown) return;
      this.shown = new Compose(this.root, this.lab, { sources, nets, recipes });
    } catch (error) {
      this.lab.trouble(error);
    }
  }
}
