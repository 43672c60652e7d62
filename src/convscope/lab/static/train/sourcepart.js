/* The pictures of a training: a named source, or a folder or zip of one's own: picked, dropped, or a path on this machine. */

import { Lost, ask } from "../api.js";
import { button, el } from "../parts.js";
import { count } from "../words.js";
import { droppedFiles, pickedFiles, upload, zipped } from "./sending.js";

const AGAIN = 400;
const MEGA = 1e6;

export class SourcePart {
  /**
   * @param {any[]} sources
   * @param {string[]} fits
   * @param {(changes: Record<string, string>) => void} changed  keys of the link
   * @param {(shape: number[] | null, classes: number | null) => void} known  what the pictures are like, as far as it is known
   */
  constructor(sources, fits, changed, known) {
    this.sources = sources;
    this.changed = changed;
    this.known = known;
    this.source = "";
    this.problem = "";
    this.asked = "";
    this.timer = 0;
    this.list = el("div", { class: "sources", role: "radiogroup", "aria-label": "Pictures to learn" });
    this.path = el("input", { type: "text", placeholder: "photos/ or photos.zip", spellcheck: false, autocapitalize: "off", "aria-label": "A folder, zip, tar or CSV on this machine", onkeydown: (/** @type {KeyboardEvent} */ event) => event.key === "Enter" && this.#typed() });
    this.size = el("input", { type: "number", min: 8, max: 1024, step: 1, placeholder: "as fits them", onchange: () => changed({ size: this.size.value }) });
    this.fit = el("select", { onchange: () => changed({ fit: this.fit.value }) }, el("option", { value: "", text: "pad: nothing is lost" }), ...fits.filter((fit) => fit !== "pad").map((fit) => el("option", { value: fit, text: fit })));
    this.prepared = el("div", { class: "row two", hidden: true }, el("label", { class: "field" }, el("span", { text: "side, in pixels" }), this.size), el("label", { class: "field" }, el("span", { text: "brought there by" }), this.fit));
    this.said = el("div", { class: "found", role: "status" });
    this.node = el("section", { class: "source", "aria-label": "The pictures" }, el("h3", { text: "1 · Pictures" }), this.list,
      el("div", { class: "own" }, el("b", { text: "Pictures of your own" }),
        el("p", { class: "quiet", text: "A folder with a folder for each thing that is to be told apart: cats/, dogs/. Drop it here, or" }),
        el("div", { class: "row" }, button("Choose a folder", () => this.#choose(true)), button("Choose a zip", () => this.#choose(false))),
        el("div", { class: "row path" }, this.path, button("Use this path", () => this.#typed())), this.prepared, this.said));
    this.gone = new AbortController();
    this.#fill();
  }

  /** @param {import("./wanted.js").Wanted} wanted */
  show({ source, size, fit }) {
    const own = !this.sources.some((one) => one.name === source && !one.own);
    this.prepared.hidden = !own;
    if (document.activeElement !== this.size) this.size.value = size ?? "";
    this.fit.value = fit ?? "";
    const asked = JSON.stringify([source, size, fit]);
    if (asked === this.asked) return;
    this.asked = asked;
    this.source = source;
    clearTimeout(this.timer);
    this.said.replaceChildren();
    this.problem = "";
    for (const input of this.list.querySelectorAll("input")) input.checked = input.value === source;
    const named = this.sources.find((one) => one.name === source && !one.own);
    if (named) return this.known(named.shape, named.classes);
    if (document.activeElement !== this.path) this.path.value = source;
    this.known(null, null);
    this.#look({ source, size, fit }, asked);
  }

  leave() {
    clearTimeout(this.timer);
    this.gone.abort();
    this.asked = "";
  }

  #fill() {
    this.list.replaceChildren(...this.sources.map((one) => el("label", { class: "pick", title: [one.citation, one.licence && `licence: ${one.licence}`].filter(Boolean).join("; ") },
      el("input", { type: "radio", name: "source", value: one.name, onchange: () => this.#use(one.name) }),
      el("span", {}, el("b", { text: one.own ? one.title : one.name }), el("small", { class: "quiet", text: told(one) })))));
  }

  /** @param {string} source */
  #use(source) {
    this.changed({ source, size: "", fit: "" });
  }

  #typed() {
    if (this.path.value.trim()) this.#use(this.path.value.trim());
  }

  /** Ask what is there until it is known. @param {{ source: string, size: number | null, fit: string | null }} what @param {string} asked */
  async #look(what, asked) {
    try {
      const told = await ask("sources/look", {}, { method: "POST", json: what });
      if (asked !== this.asked) return;
      if (told.error) return this.#problem(told.error);
      if (told.over) return this.#found(told.found);
      const part = told.total ? `: ${(told.done / MEGA).toFixed(0)} of ${(told.total / MEGA).toFixed(0)} MB` : "";
      this.said.replaceChildren(el("p", { class: "waiting", text: `The pictures are read and brought to one size, for ${told.seconds.toFixed(0)} s now${part}. They are kept, so the next time takes no time.` }));
      this.timer = setTimeout(() => this.#look(what, asked), AGAIN);
    } catch (error) {
      if (asked === this.asked) this.#problem(/** @type {Error} */ (error).message);
      if (error instanceof Lost) this.asked = "";
    }
  }

  /** @param {any} found */
  #found(found) {
    this.known(found.shape, found.count);
    const rows = found.counts.map((/** @type {[string, number, number]} */ [name, train, test]) => el("tr", {}, el("th", { scope: "row", text: name }), el("td", { class: "n", text: train.toLocaleString("en") }), el("td", { class: "n", text: test.toLocaleString("en") })));
    const more = found.count > rows.length ? el("p", { class: "quiet", text: `and ${found.count - rows.length} more` }) : "";
    const left = found.problems.map((/** @type {[string, string]} */ [path, reason]) => el("li", { text: `${path}: ${reason}` }));
    this.said.replaceChildren(
      el("p", {}, el("b", { text: `${count(found.count, "class", "classes")}, ${count(found.train + found.test, "picture")} of ${found.shape.join("×")}` })),
      ...found.warnings.map((/** @type {string} */ text) => el("p", { class: "problem", text })),
      el("div", { class: "scroll", tabIndex: 0, role: "region", "aria-label": "The classes" }, el("table", {}, el("thead", {}, el("tr", {}, el("th", { text: "class" }), el("th", { class: "n", text: "to learn" }), el("th", { class: "n", text: "to be tested on" }))), el("tbody", {}, ...rows))), more,
      el("details", {}, el("summary", { text: "What was found, and why" }), el("ul", { class: "notes" }, ...found.notes.map((/** @type {string} */ text) => el("li", { text })))),
      found.left_out ? el("details", {}, el("summary", { text: `${count(found.left_out, "file was", "files were")} left out` }), el("ul", { class: "notes" }, ...left)) : "");
  }

  /** @param {string} text */
  #problem(text) {
    this.problem = text;
    this.said.replaceChildren(el("p", { class: "problem", text: `${text[0].toUpperCase()}${text.slice(1)}` }));
  }

  /** @param {boolean} folder */
  #choose(folder) {
    const input = el("input", { type: "file", onchange: () => this.#send(pickedFiles(input.files)) });
    if (folder) input.webkitdirectory = true;
    else input.accept = ".zip,application/zip";
    input.click();
  }

  /** Take what is dropped anywhere on a part of the page, until this is left. @param {HTMLElement} place */
  takeDropped(place) {
    const { signal } = this.gone;
    place.addEventListener("dragover", (/** @type {DragEvent} */ event) => (event.preventDefault(), this.node.classList.add("over")), { signal });
    place.addEventListener("dragleave", () => this.node.classList.remove("over"), { signal });
    place.addEventListener("drop", async (/** @type {DragEvent} */ event) => {
      event.preventDefault();
      event.stopPropagation();
      this.node.classList.remove("over");
      this.#send(await droppedFiles(/** @type {DataTransfer} */ (event.dataTransfer)));
    }, { signal });
  }

  /** Send a zip, or a folder as a zip. @param {import("./sending.js").Named[]} files */
  async #send(files) {
    if (!files.length) return;
    this.asked = "";
    try {
      this.#waits(`${count(files.length, "file")} to be put together.`);
      const { name, body } = await zipped(files, (done) => this.#waits(`${done.toLocaleString("en")} of ${count(files.length, "file")} put together.`));
      const sent = await upload(name, body, (done) => this.#waits(`${(done / MEGA).toFixed(0)} of ${(body.size / MEGA).toFixed(0)} MB given to convscope.`));
      this.sources = [...this.sources, { name: sent.source, title: name.replace(/\.zip$/i, ""), bytes: sent.bytes, own: true }];
      this.#fill();
      this.#use(sent.source);
    } catch (error) {
      this.#problem(/** @type {Error} */ (error).message);
    }
  }

  /** @param {string} text */
  #waits(text) {
    this.said.replaceChildren(el("p", { class: "waiting", text }));
  }
}

/** @param {any} one a source */
function told(one) {
  if (one.own) return `yours, ${(one.bytes / MEGA).toFixed(1)} MB`;
  const where = { embedded: "comes with convscope", cached: "is here" }[/** @type {string} */ (one.where)] ?? one.where;
  return `${one.title}; ${one.classes} classes, ${one.shape.join("×")}; ${where}`;
}
