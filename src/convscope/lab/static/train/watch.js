/* A training that is watched: how far it is, its curves, its kernels forming; pause, stop, resume; and in the end what came out. */

import { Lost, ask } from "../api.js";
import { button, el } from "../parts.js";
import { count, duration, number } from "../words.js";
import { Command } from "./command.js";
import { curves } from "./curves.js";
import { Forming } from "./forming.js";
import { live, states } from "./states.js";

const PACE = 500;
const SLOW = 1500;
/** @type {Record<string, string>} */
const ACTS = { pause: "Pause", continue: "Go on", stop: "Stop and save", resume: "Resume" };

export class Watch {
  /** @param {HTMLElement} root @param {import("../lab.js").Lab} lab @param {string} name of the Run */
  constructor(root, lab, name) {
    this.lab = lab;
    this.name = name;
    this.timer = 0;
    this.left = false;
    this.kept = "";
    this.drawn = "";
    this.offered = "";
    /** @type {any[]} */
    this.metrics = [];
    /** @type {any} */
    this.page = null;
    this.title = el("h2", { text: `Training ${name}` });
    this.state = el("p", { class: "state", role: "status" });
    this.fill = el("i");
    this.track = el("div", { class: "track", role: "progressbar", "aria-label": "How far the training is", "aria-valuemin": 0, "aria-valuemax": 100 }, this.fill);
    this.numbers = el("dl", { class: "numbers" });
    this.acts = el("div", { class: "row" });
    this.error = el("p", { class: "problem", role: "alert", hidden: true });
    this.result = el("section", { class: "result", "aria-label": "The result", hidden: true });
    this.curves = el("div", { class: "curvesof" });
    this.forming = new Forming();
    this.command = new Command();
    this.log = el("pre", { class: "log", tabIndex: 0 });
    this.logs = el("details", {}, el("summary", { text: "What the program said" }), this.log);
    this.command.node.hidden = true;
    root.replaceChildren(
      el("header", {}, this.title, this.state, this.track, this.result, this.numbers, this.error, this.acts),
      el("div", { class: "watching" }, this.curves, this.forming.node),
      el("section", { class: "begin", "aria-label": "The program" }, this.command.node, this.logs));
    this.stops = [lab.on("theme", () => (this.forming.paint(), (this.drawn = ""), this.page && this.#curves(this.page)))];
    this.#poll();
  }

  leave() {
    this.left = true;
    clearTimeout(this.timer);
    this.forming.leave();
    for (const stop of this.stops) stop();
  }

  /** Pause it, or let it go on. */
  turn() {
    const act = ["pause", "continue"].find((one) => this.page?.line.can.includes(one));
    if (act) this.#act(act);
  }

  async #poll() {
    let pace = PACE;
    try {
      const page = await ask(`trainings/${encodeURIComponent(this.name)}`, { since: this.metrics.length });
      if (this.left) return;
      this.#show(page);
      if (!live(page.line)) pace = 0;
      else if (page.line.state !== "training" || document.hidden) pace = SLOW;
    } catch (error) {
      if (this.left) return;
      pace = error instanceof Lost ? SLOW : 0;
      if (!pace) this.#gone(/** @type {Error} */ (error).message);
      else this.lab.trouble(error);
    }
    if (pace && !this.left) this.timer = setTimeout(() => this.#poll(), pace);
  }

  /** @param {string} why */
  #gone(why) {
    this.error.hidden = false;
    this.error.textContent = `${why[0].toUpperCase()}${why.slice(1)}`;
    this.track.hidden = true;
    this.acts.replaceChildren(button("Start another", () => this.#another(), { class: "first" }));
  }

  /** @param {any} page */
  #show(page) {
    const before = this.page;
    const { line, epochs } = page;
    this.metrics = [...this.metrics.slice(0, page.since), ...page.metrics]; // a resumed one may have gone back
    page.metrics = this.metrics;
    this.page = page;
    this.title.textContent = `${line.net || "A network"} learns ${String(line.source).split("/").pop() || "pictures"}`;
    this.state.textContent = `${states(line)}.`;
    this.state.classList.toggle("moving", live(line));
    const { at } = line;
    const whole = ["finished", "finishing"].includes(line.state);
    const done = whole ? 1 : at.steps ? (at.epoch - 1 + at.step / at.steps) / at.epochs : epochs ? page.metrics.length / epochs : 0;
    this.fill.style.transform = `scaleX(${done})`;
    this.track.setAttribute("aria-valuenow", String(Math.round(100 * done)));
    this.track.hidden = line.state === "finished" || (!line.here && !live(line));
    this.state.hidden = Boolean(page.scores);
    this.#numbers(page);
    this.error.hidden = !line.error;
    this.error.textContent = line.error ? `${line.error[0].toUpperCase()}${line.error.slice(1)}` : "";
    this.#buttons(line);
    this.command.node.hidden = !line.command;
    if (line.command) this.command.show(line.command);
    this.logs.hidden = !page.lines.length;
    this.log.textContent = page.lines.join("\n");
    this.#curves(page);
    this.#kernels(page);
    this.#result(page, Boolean(before) && live(before.line));
  }

  /** @param {any} page */
  #numbers({ line, metrics, epochs, images_per_second: pace, train_seconds: seconds, device, left_out: leftOut }) {
    const { at } = line;
    const last = metrics[metrics.length - 1];
    const learning = ["training", "pausing", "paused", "stopping"].includes(line.state) && at.steps;
    /** @type {[string, string, string?][]} */
    const rows = learning
      ? [["epoch", `${at.epoch} of ${at.epochs}`], ["pictures a second", Math.round(at.images_per_second).toLocaleString("en")], ["time left", duration(at.seconds_left)], ["right in this epoch", `${number(100 * at.accuracy)} %`], ["loss", number(at.loss), String(at.loss)], ["rate", number(at.rate), String(at.rate)]]
      : [["epochs", epochs ? `${metrics.length} of ${epochs}` : String(metrics.length)]];
    if (!learning && last) rows.push(["right, of the pictures it learns", `${number(100 * last.train_accuracy)} %`, String(last.train_accuracy)]);
    if (!learning && pace) rows.push(["pictures a second", Math.round(pace).toLocaleString("en")]);
    if (!learning && seconds) rows.push(["training", duration(seconds)]);
    if (device) rows.push(["computed on", device.replace(" ", ", ")]);
    if (leftOut) rows.push(["left out", count(leftOut, "file")]);
    this.numbers.hidden = !learning && !metrics.length;
    this.numbers.replaceChildren(...rows.map(([what, text, title]) => el("div", {}, el("dt", { text: what }), el("dd", { text, title: title ?? "" }))));
  }

  /** @param {any} line */
  #buttons(line) {
    const wanted = JSON.stringify([line.can, live(line)]);
    if (wanted === this.offered) return;
    const focused = this.acts.contains(document.activeElement);
    this.offered = wanted;
    this.acts.replaceChildren(...line.can.map((/** @type {string} */ act) => button(ACTS[act], () => this.#act(act), { class: act === "resume" || act === "continue" ? "first" : "" })),
      live(line) ? "" : button("Teach another", () => this.#another()));
    if (focused) this.acts.querySelector("button")?.focus();
  }

  #another() {
    this.lab.go({ more: this.lab.kept() });
  }

  /** @param {string} act */
  async #act(act) {
    try {
      this.#show(await ask(`trainings/${encodeURIComponent(this.name)}/${act}`, {}, { method: "POST" }));
      clearTimeout(this.timer);
      this.#poll();
    } catch (error) {
      this.lab.trouble(error);
    }
  }

  /** @param {any} page */
  #curves({ line, metrics, epochs }) {
    const { at } = line;
    const now = at.steps && live(line) && at.epoch > metrics.length ? at.epoch - 1 + at.step / at.steps : null;
    const drawn = JSON.stringify([metrics.length, epochs, now]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    const line_ = (/** @type {string} */ key) => metrics.map((/** @type {any} */ m) => [m.epoch, m[key]]).filter((/** @type {any} */ [, y]) => typeof y === "number");
    const kept = line_("validation_accuracy");
    this.curves.replaceChildren(
      curves({ title: "Right, of the pictures", part: true, epochs, series: [
        { name: kept.length ? "that it learns" : "", points: line_("train_accuracy"), hue: 0, live: now === null ? null : [now, at.accuracy] },
        ...(kept.length ? [{ name: "kept aside", points: kept, hue: 1, dashed: true }] : [])] }),
      curves({ title: "Loss", epochs, series: [{ name: "", points: line_("loss"), hue: 0, live: now === null ? null : [now, at.loss] }] }));
  }

  /** @param {any} page */
  async #kernels({ line, kept }) {
    const wanted = JSON.stringify(kept);
    if (!line.run || wanted === this.kept) return;
    this.kept = wanted;
    try {
      const message = await ask(`runs/${encodeURIComponent(this.name)}/forming`);
      if (!this.left) this.forming.show(message);
    } catch (error) {
      this.kept = "";
      this.forming.empty(/** @type {Error} */ (error).message);
    }
  }

  /** @param {any} page @param {boolean} fresh  it has just ended */
  #result({ line, scores }, fresh) {
    this.result.hidden = !scores;
    if (!scores || (!fresh && this.result.childElementCount)) return;
    const [low, high] = scores.test_interval_percent;
    const place = (/** @type {string} */ view, /** @type {string} */ text, first = "") => el("a", { class: `button ${first}`, href: this.lab.link({ run: this.name, view, unit: "", picture: "", epoch: null, ops: [], more: this.lab.kept() }), text });
    this.result.replaceChildren(
      el("p", { class: "score" }, el("b", { text: `${scores.test_error_percent.toFixed(2)} %`, title: String(scores.test_error_percent) }), el("span", { text: ` wrong, of ${scores.test_pictures.toLocaleString("en")} pictures it had never seen` })),
      el("p", { class: "quiet", text: `${scores.test_errors.toLocaleString("en")} mistakes; of all such pictures it would be ${low.toFixed(2)} to ${high.toFixed(2)} % (95 % interval).` }),
      el("div", { class: "row" }, place("draw", "Draw for it", "first"), place("units", "Its units"), el("a", { class: "button", href: `api/runs/${encodeURIComponent(this.name)}/report`, target: "_blank", rel: "noopener", text: "Its report" }), el("a", { class: "button", href: this.lab.link({ view: "runs", more: { ...this.lab.kept(), compare: this.name } }), text: "Beside others" })));
    if (fresh && line.state === "finished") this.lab.tell("page");
  }
}
