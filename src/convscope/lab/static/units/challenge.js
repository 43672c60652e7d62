/* A challenge: mute the detector that makes the seven a seven. It counts tries, helps in steps, and says when it is done. */

import { Problem } from "../api.js";
import { randomPicture } from "../picker.js";
import { button, el } from "../parts.js";
import { count } from "../words.js";
import { muted, parts } from "./ops.js";
import { asked } from "./slow.js";

export class Challenge {
  /** @param {import("../lab.js").Lab} lab @param {() => Promise<string>} picture */
  constructor(lab, picture) {
    this.lab = lab;
    this.picture = picture;
    this.key = "";
    /** @type {any} */
    this.found = null;
    this.node = el("section", { class: "challenge", "aria-label": "The challenge", hidden: true });
    this.body = el("div", { class: "stack", role: "status" });
    this.row = el("div", { class: "row" });
    this.node.append(this.body, this.row);
  }

  get on() {
    return this.lab.place.more.challenge === "1";
  }

  /** Whether the order of the units would give the answer away. */
  get hides() {
    return this.on && this.hints < 2 && !this.lab.place.unit;
  }

  get tries() {
    return Number(this.lab.place.more.tries ?? 0) || 0;
  }

  get hints() {
    return Math.min(3, Number(this.lab.place.more.hints ?? 0) || 0);
  }

  begin() {
    const { lab } = this;
    lab.go({ ops: [], unit: "", more: { ...lab.place.more, challenge: "1", tries: "", hints: "", change: "" } });
  }

  end() {
    const { challenge: _, tries: _tries, hints: _hints, ...more } = this.lab.place.more;
    this.lab.go({ more });
  }

  /** What an operation changes in the link: a muting more is a try more. @param {string[]} ops @returns {Record<string, string>} */
  counted(ops) {
    const { more, ops: before } = this.lab.place;
    const mutes = (/** @type {string[]} */ list) => list.filter((op) => parts(op).verb === "mute").length;
    return this.on && mutes(ops) > mutes(before) ? { ...more, tries: String(this.tries + 1) } : more;
  }

  leave() {
    this.key = "";
  }

  update() {
    this.node.hidden = !this.on;
    if (!this.on) return (this.key = "");
    const { place } = this.lab;
    const key = JSON.stringify([place.run, place.picture, place.epoch]);
    if (key !== this.key) this.#ask(key);
    else this.show();
  }

  /** @param {string} key */
  async #ask(key) {
    this.key = key;
    this.found = null;
    this.body.replaceChildren(el("p", { class: "waiting", text: "The library looks for the units that make the answer what it is." }));
    this.row.replaceChildren();
    try {
      const query = { picture: await this.picture(), epoch: this.lab.place.epoch };
      this.found = await asked(this.lab.path("challenge"), query, () => key === this.key, (words) => (this.body.textContent = words));
      if (this.found) this.show();
    } catch (error) {
      if (!(error instanceof Problem)) return this.lab.trouble(error);
      this.body.replaceChildren(el("p", { class: "problem", text: `${error.message}.` }));
    }
  }

  show() {
    const { found, lab, tries, hints } = this;
    if (!found) return;
    const random = lab.page.pictures.test ? button("Another picture", () => lab.go({ picture: randomPicture(lab), ops: [], more: { ...lab.place.more, tries: "", hints: "" } }), { class: "small" }) : null;
    const end = button("End", () => this.end(), { class: "plain small" });
    const { answer, layer, size, solutions, foremost, most } = found;
    if (!size) {
      this.body.replaceChildren(el("h2", { text: `What makes this a ${answer}?` }), el("p", { class: "text", text: `Too many at once: no set of ${most} units of one layer changes this answer. It stands on many feet. Take another picture.` }));
      return this.row.replaceChildren(...[random, end].filter((node) => node !== null));
    }
    const now = lab.said?.head.label ?? answer;
    const silent = foremost.concat(...solutions.map((/** @type {any} */ one) => one.units)).filter((/** @type {string} */ unit, /** @type {number} */ n, /** @type {string[]} */ all) => all.indexOf(unit) === n && muted(lab.place.ops, unit));
    const done = lab.place.ops.length > 0 && now !== answer;
    const article = size === 1 ? "the detector" : `the ${size === 2 ? "two" : "three"} detectors`;
    this.node.classList.toggle("done", done);
    this.body.replaceChildren(
      el("h2", { text: `Mute ${article} that ${size === 1 ? "makes" : "make"} this a ${answer}` }),
      done ? el("p", { class: "text" }, el("b", { text: `Done, in ${count(Math.max(1, tries), "try", "tries")}. ` }), lab.place.ops.length <= size ? `Without ${list(lab.place.ops.map((op) => parts(op).unit))} it says ${now}: that is what made it a ${answer}.` : `It says ${now} now. It can be done by muting only ${size === 1 ? "one unit" : `${size} units`}.`)
        : el("p", { class: "text", text: size === 1 ? `One unit of ${layer} is enough: without it the network says something else. ${tried(tries)}` : `No single unit of ${layer} is enough here: ${size} together are. ${tried(tries)}` }),
      ...this.#hints(found, silent));
    const hint = !done && hints < 3 ? button(hints ? "Another hint" : "A hint", () => lab.go({ more: { ...lab.place.more, hints: String(hints + 1) } }, { replace: true }), { class: "small" }) : null;
    const again = lab.place.ops.length ? button("Start again", () => lab.go({ ops: [], more: { ...lab.place.more, tries: "" } }), { class: "small" }) : null;
    this.row.replaceChildren(...[hint, again, random, end].filter((node) => node !== null));
  }

  /** @param {any} found @param {string[]} silent */
  #hints({ answer, layer, solutions, foremost, size }, silent) {
    const link = (/** @type {string} */ unit) => el("a", { href: this.lab.link({ view: "units", unit }), text: unit });
    const all = [
      () => [size > 1 ? `Mute one unit of ${layer} after the other, and watch by how much ${answer} leads. Leave muted what makes its lead shrink.` : `Look at the maps of ${layer}: which of them holds most of what makes a ${answer} a ${answer}?`],
      () => ["Now the units are ranked: the reason beside each says what the score of ", answer, " does without it. The first are ", ...between(foremost.slice(0, 3).map(link)), ". ", silent.length ? `You have muted ${list(silent)}.` : ""],
      () => ["Mute ", ...between(solutions[0].units.map(link)), `: then it says ${solutions[0].says}.`, solutions.length > 1 ? ` There ${solutions.length === 2 ? "is another way" : `are ${solutions.length - 1} other ways`}${size > 1 ? "" : ", each a single unit"}.` : ""],
    ];
    return this.hints ? [el("ol", { class: "hints" }, ...all.slice(0, this.hints).map((words) => el("li", { class: "text" }, ...words())))] : [];
  }
}

/** @param {number} tries */
const tried = (tries) => (tries ? `${count(tries, "try", "tries")} so far.` : "Which?");

/** @param {string[]} names */
const list = (names) => (names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`);

/** Nodes with commas between. @param {Node[]} nodes */
const between = (nodes) => nodes.flatMap((node, n) => (n ? [", ", node] : [node]));
