/* Asking the library. Every error is one line that says what to do, in the words of the command line. */

import { unpacked } from "./packed.js";

/** What the library said is wrong; `line` and `column` where a net's text is. */
export class Problem extends Error {
  /** @param {string} message @param {number} status @param {number} [line] @param {number} [column] */
  constructor(message, status, line = 0, column = 0) {
    super(message);
    this.status = status;
    this.line = line;
    this.column = column;
  }
}

/** No answer at all: the server has ended, or the network. */
export class Lost extends Error {}

/** @typedef {Record<string, string | number | boolean | null | undefined>} Query */

/** @param {string} path @param {Query} [query] */
export function address(path, query = {}) {
  const said = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const text = new URLSearchParams(said.map(([key, value]) => [key, String(value)])).toString();
  return `api/${path}${text ? `?${text}` : ""}`;
}

/**
 * @param {string} path @param {Query} [query]
 * @param {{ method?: string, body?: BodyInit | null, json?: unknown, signal?: AbortSignal }} [how]
 * @returns {Promise<any>} JSON as it is, a packed message as { head, arrays }
 */
export async function ask(path, query = {}, how = {}) {
  const { json, ...options } = how;
  const headers = json === undefined ? undefined : { "content-type": "application/json" };
  const body = json === undefined ? options.body : JSON.stringify(json);
  let answer;
  try {
    answer = await fetch(address(path, query), { ...options, body, headers, method: options.method ?? (body ? "POST" : "GET") });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Lost("no answer from convscope: is it still running in the terminal?");
  }
  if (!answer.ok) throw await problem(answer);
  const kind = answer.headers.get("content-type") ?? "";
  if (kind.startsWith("application/vnd.convscope")) return unpacked(await answer.arrayBuffer());
  return kind.startsWith("application/json") ? answer.json() : answer.blob();
}

/** @param {Response} answer */
async function problem(answer) {
  const text = await answer.text();
  try {
    const said = JSON.parse(text);
    return new Problem(said.error ?? text, answer.status, said.line, said.column);
  } catch {
    return new Problem(text || `the server answered ${answer.status}`, answer.status);
  }
}

/** One question after the other: while one is answered only the newest of those that wait is kept. */
export class Latest {
  #busy = false;
  /** @type {(() => Promise<void>) | null} */
  #next = null;

  /** @param {() => Promise<void>} question */
  async ask(question) {
    this.#next = question;
    if (this.#busy) return;
    this.#busy = true;
    try {
      while (this.#next) {
        const now = this.#next;
        this.#next = null;
        await now();
      }
    } finally {
      this.#busy = false;
    }
  }
}
