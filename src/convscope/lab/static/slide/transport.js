/* Play, pause, step, scrub: the sheet goes from place to place, row by row. */

import { button, el } from "../parts.js";

const SPEEDS = [1, 4, 16, 60, 240];

export class Transport {
  /**
   * @param {object} how
   * @param {() => number} how.now           the number of the place
   * @param {(number: number, how: { slow: boolean }) => void} how.go
   * @param {(playing: boolean) => void} how.turned
   * @param {(speed: string) => void} how.sped
   */
  constructor({ now, go, turned, sped }) {
    this.now = now;
    this.go = go;
    this.turned = turned;
    this.count = 1;
    this.playing = 0;
    this.button = button("Play", () => this.toggle(), { class: "first play" });
    this.speed = el("select", { "aria-label": "Speed", onchange: () => sped(this.speed.value) }, ...SPEEDS.map((speed) => el("option", { value: speed, text: `${speed} a second` })));
    this.hasten("");
    this.scrub = el("input", { type: "range", min: 0, step: 1, "aria-label": "Place, row by row", oninput: () => this.#take(Number(this.scrub.value)) });
    this.buttons = [button("⇤", () => this.#take(0), { title: "First place", "aria-label": "First place" }), button("‹", () => this.step(-1), { title: "A place back", "aria-label": "A place back" }),
      this.button, button("›", () => this.step(1), { title: "A place on", "aria-label": "A place on" })];
    this.node = el("div", { class: "transport", role: "group", "aria-label": "Move the sheet" }, el("div", { class: "row" }, ...this.buttons, this.speed), this.scrub);
  }

  /** @param {string} speed places a second; a usual pace where it is none of the choices */
  hasten(speed) {
    this.speed.value = SPEEDS.map(String).includes(speed) ? speed : "16";
  }

  /** @param {number} count places that there are */
  reset(count) {
    this.pause();
    this.count = count;
    this.scrub.max = String(count - 1);
    this.node.hidden = count < 2;
  }

  /** @param {number} number @param {string} words */
  place(number, words) {
    this.scrub.value = String(number);
    this.scrub.setAttribute("aria-valuetext", words);
  }

  /** @param {number} by */
  step(by) {
    this.pause();
    this.go(Math.max(0, Math.min(this.count - 1, this.now() + by)), { slow: true });
  }

  /** @param {number} number */
  #take(number) {
    this.pause();
    this.go(number, { slow: false });
  }

  toggle() {
    if (this.playing) return this.pause();
    if (this.count < 2) return;
    if (this.now() >= this.count - 1) this.go(0, { slow: false });
    this.button.textContent = "Pause";
    let [before, owed] = [performance.now(), 0];
    const frame = (/** @type {number} */ time) => {
      const speed = Number(this.speed.value);
      owed += (Math.max(0, Math.min(250, time - before)) / 1000) * speed;
      before = time;
      const steps = Math.floor(owed);
      owed -= steps;
      const next = Math.min(this.count - 1, this.now() + steps);
      if (steps) this.go(next, { slow: speed <= 4 });
      if (next >= this.count - 1) return this.pause();
      if (this.playing) this.playing = requestAnimationFrame(frame);
    };
    this.playing = requestAnimationFrame(frame);
    this.turned(true);
  }

  pause() {
    if (!this.playing) return;
    cancelAnimationFrame(this.playing);
    this.playing = 0;
    this.button.textContent = "Play";
    this.turned(false);
  }
}
