/* What a training is doing, in words. */

import { duration } from "../words.js";

/** One short sentence. @param {any} line */
export function states(line) {
  const since = line.seconds >= 1 ? `, for ${duration(line.seconds)} now` : "";
  const said = {
    waiting: () => `Waiting for ${line.ahead.length > 1 ? "one of " : ""}${list(line.ahead)} to end: two are trained at once${since}`,
    starting: () => `The program starts and opens the pictures${since}; this takes some three seconds`,
    reading: () => `${line.reading.verb === "downloading" ? "The pictures are downloaded" : "The pictures are read and brought to one size"}${bytes(line.reading)}${since}`,
    training: () => "Learning",
    pausing: () => "It pauses after this step",
    paused: () => `Paused${since}: it keeps its memory, and leaves the processor to others`,
    stopping: () => `It saves and stops${since}`,
    finishing: () => `The test pictures are shown to it, and the report is written${since}`,
    stopped: () => (line.run ? "Stopped and saved: it can go on where it was" : "Stopped before it had begun"),
    finished: () => "Done",
    failed: () => "It could not go on",
    elsewhere: () => "Learning, in another program on this machine",
    "cut short": () => "Its program ended without saving: it can go on from what was saved last",
    diverged: () => "Its loss became no number: train again with a lower rate",
  }[/** @type {string} */ (line.state)];
  return said ? said() : line.state;
}

/** @param {any} line */
export const live = ({ state }) => ["waiting", "starting", "reading", "training", "pausing", "paused", "stopping", "finishing", "elsewhere"].includes(state);

/** @param {{ bytes?: number, total?: number }} reading */
function bytes({ bytes = 0, total = 0 }) {
  return total ? `: ${(bytes / 1e6).toFixed(0)} of ${(total / 1e6).toFixed(0)} MB` : "";
}

/** @param {string[]} names */
const list = (names) => (names.length > 1 ? `${names.slice(0, -1).join(", ")} and ${names[names.length - 1]}` : names[0] ?? "another");
