/* A contest that goes on: which method it is at, how many are done; stop it; and why it could not go on. */

import { button, el } from "../parts.js";
import { Command } from "../train/command.js";
import { duration } from "../words.js";

export const live = (/** @type {any} */ going) => ["waiting", "starting", "reading", "training", "stopping", "finishing"].includes(going?.state);

export class Going {
  /** @param {() => void} stop @param {() => void} again */
  constructor(stop, again) {
    this.state = el("p", { class: "state", role: "status" });
    this.fill = el("i");
    this.track = el("div", { class: "track", role: "progressbar", "aria-label": "How far the contest is", "aria-valuemin": 0, "aria-valuemax": 100 }, this.fill);
    this.error = el("p", { class: "problem", role: "alert", hidden: true });
    this.stop = button("Stop", stop, { title: "What is measured is kept: it can go on there" });
    this.resume = button("Go on", again, { class: "first" });
    this.command = new Command();
    this.log = el("pre", { class: "log", tabIndex: 0 });
    this.node = el("section", { class: "going", "aria-label": "The contest that goes on", hidden: true }, this.state, this.track, this.error, el("div", { class: "row" }, this.stop, this.resume, this.command.node),
      el("details", {}, el("summary", { text: "What the program said" }), this.log));
  }

  /** @param {any} going */
  show(going) {
    this.node.hidden = !going;
    if (!going) return;
    const { at } = going;
    const done = going.state === "finished" ? 1 : at.total ? (at.number - 1) / at.total : 0;
    this.state.textContent = words(going);
    this.fill.style.transform = `scaleX(${done})`;
    this.track.setAttribute("aria-valuenow", String(Math.round(100 * done)));
    this.track.hidden = !live(going);
    this.error.hidden = !going.error;
    this.error.textContent = going.error && `${going.error[0].toUpperCase()}${going.error.slice(1)}`;
    this.stop.hidden = !going.stoppable;
    this.resume.hidden = !["stopped", "failed"].includes(going.state);
    this.command.show(going.command);
    this.log.textContent = going.lines.join("\n");
  }
}

/** @param {any} going */
function words({ state, seconds, at, reading, ahead }) {
  const since = seconds >= 2 ? `, for ${duration(seconds)} now` : "";
  const said = {
    waiting: `Waiting for ${ahead.join(", ") || "another contest"} to end: one goes on at a time${since}.`,
    starting: `The program starts and opens the pictures${since}.`,
    reading: `The pictures are read${reading.total ? `: ${(reading.bytes / 1e6).toFixed(0)} of ${(reading.total / 1e6).toFixed(0)} MB` : ""}${since}.`,
    training: `${at.number} of ${at.total}: ${at.title} learns${since}. What is measured is below already.`,
    stopping: `It stops${since}.`,
    finishing: `The report is written${since}.`,
    stopped: "Stopped. What is measured is kept, and it can go on there.",
    finished: "Done.",
    failed: "It could not go on.",
  }[/** @type {string} */ (state)];
  return said ?? state;
}
