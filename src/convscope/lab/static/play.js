/* Plays the kept epochs, from the random start to the end: the slider moves, and every view follows. */

import { button, still } from "./parts.js";

const SECONDS = 4;
const CALM = 1; // seconds an epoch where no motion is wanted

/** The button beside the slider of the epochs. @param {import("./lab.js").Lab} lab */
export function player(lab) {
  let timer = 0;
  let expected = /** @type {number | null} */ (null);
  const play = button("▶", () => (timer ? stop() : start()), { id: "play", class: "plain", "aria-label": "Play the epochs", title: "Play the epochs, from the random start to the end" });

  function stop() {
    clearTimeout(timer);
    timer = 0;
    play.textContent = "▶";
    play.setAttribute("aria-label", "Play the epochs");
  }

  function start() {
    const { run } = lab.place;
    const epochs = lab.page.epochs;
    const last = epochs.length - 1;
    const frame = still() ? CALM : Math.max(0.05, SECONDS / Math.max(1, last));
    const began = performance.now();
    play.textContent = "❚❚";
    play.setAttribute("aria-label", "Pause");
    const step = () => {
      const at = Math.min(last, Math.floor((performance.now() - began) / 1000 / frame));
      expected = at === last ? null : epochs[at];
      lab.go({ epoch: expected }, { replace: true });
      if (at === last || lab.place.run !== run) return stop();
      timer = setTimeout(step, 1000 * frame);
    };
    step();
  }

  lab.on("place", () => {
    play.hidden = (lab.page?.epochs.length ?? 0) < 2;
    if (timer && lab.place.epoch !== expected) stop(); // somebody took the slider
  });
  return play;
}
