/* The cards that were opened, each kept as it stands: one that is opened again is put back, not built again. */

import { el } from "../parts.js";
import { Card } from "./card.js";

const KEPT = 24;

export class Deck {
  /** @param {import("../lab.js").Lab} lab @param {(unit: string) => Card} make */
  constructor(lab, make) {
    this.lab = lab;
    this.make = make;
    /** By unit, and what all links on a card carry along. @type {Map<string, Card>} */
    this.cards = new Map();
    /** @type {Card | null} */
    this.open = null;
    this.node = el("div", { class: "deck" });
  }

  /** The address has changed: the card of the unit that it names. */
  update() {
    const { unit, run } = this.lab.place;
    const key = JSON.stringify([run, unit, this.lab.kept()]);
    const card = this.cards.get(key) ?? this.make(unit);
    this.cards.delete(key);
    this.cards.set(key, card);
    if (this.cards.size > KEPT) this.cards.delete(/** @type {string} */ (this.cards.keys().next().value));
    if (card !== this.open) {
      this.open?.leave();
      this.open = card;
      this.node.replaceChildren(card.node);
    }
    card.update();
  }

  paintPicture() {
    this.open?.paintPicture();
  }

  leave() {
    this.open?.leave();
  }

  /** Other colours: all are built again. */
  clear() {
    this.leave();
    this.cards.clear();
    this.open = null;
  }
}
