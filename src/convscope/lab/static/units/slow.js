/* Questions that may take a while: asked again until the answer is there, with words for what is waited for. */

import { ask } from "../api.js";
import { duration } from "../words.js";

const AGAIN = 400;

/** @typedef {{ doing: string, done: number, total: number }} Waiting */

/** What is waited for, in words. @param {Waiting} waiting @param {number} [seconds] since when */
export function waitingWords({ doing, done, total }, seconds = 0) {
  const far = total ? `: ${done.toLocaleString("en")} of ${total.toLocaleString("en")}` : "";
  return `${doing[0].toUpperCase()}${doing.slice(1)}${far}${seconds >= 2 ? `, for ${duration(seconds)} now` : ""}.`;
}

/**
 * @param {string} path @param {import("../api.js").Query} query
 * @param {() => boolean} wanted  whether the answer is still wanted
 * @param {(words: string) => void} saying  told what is waited for
 * @returns {Promise<any>} the answer, or null where it is not wanted any more
 */
export async function asked(path, query, wanted, saying) {
  for (const began = Date.now(); wanted(); await new Promise((go) => setTimeout(go, AGAIN))) {
    const answer = await ask(path, query);
    if (!wanted()) return null;
    /** @type {Waiting | null} */
    const waiting = (answer.head ?? answer).waiting;
    if (!waiting) return answer;
    saying(waitingWords(waiting, (Date.now() - began) / 1000));
  }
  return null;
}
