/* Products and sums of the map's rows: fetched a few rows at a time, a little ahead of the sheet. */

import { Latest, ask } from "../api.js";

const KEPT = 24;

/** @typedef {{ products: ArrayLike<number>, channelSums: ArrayLike<number>, total: number, sum: number }} Sums  of one place; the sum is the total and the bias */

export class Rows {
  /**
   * @param {(query: { first: number }) => Promise<import("../packed.js").Message>} fetch
   * @param {any} head what the library says of the unit
   * @param {() => void} arrived @param {(error: unknown) => void} failed
   */
  constructor(fetch, head, arrived, failed) {
    this.fetch = fetch;
    this.head = head;
    this.arrived = arrived;
    this.failed = failed;
    /** By the number of their part of the map. @type {Map<number, import("../packed.js").Message>} */
    this.parts = new Map();
    this.question = new Latest();
    this.last = 0;
  }

  /** What is known of a place; null while it is fetched. @param {import("./places.js").At} at @returns {Sums | null} */
  at([row, column]) {
    const { rows, size, channels } = this.head;
    const number = Math.floor(row / rows);
    const part = this.parts.get(number);
    this.#want(part ? this.#next(row, number) : number);
    if (!part) return null;
    const place = (row - part.head.first) * size[1] + column;
    const { products, channel_sums, totals, sums } = part.arrays;
    const each = products.values.length / sums.values.length;
    return {
      products: products.values.subarray(place * each, (place + 1) * each),
      channelSums: channel_sums.values.subarray(place * channels.length, (place + 1) * channels.length),
      total: totals.values[place],
      sum: sums.values[place],
    };
  }

  /** The part that the sheet moves towards. @param {number} row @param {number} number */
  #next(row, number) {
    const towards = number + (row >= this.last ? 1 : -1);
    this.last = row;
    return towards;
  }

  /** @param {number} number */
  #want(number) {
    const { rows, size } = this.head;
    if (number < 0 || number * rows >= size[0] || this.parts.has(number)) return;
    this.question.ask(async () => {
      if (this.parts.has(number)) return;
      try {
        const part = await this.fetch({ first: number * rows });
        if (this.parts.size >= KEPT) this.parts.delete(/** @type {number} */ (this.parts.keys().next().value));
        this.parts.set(number, part);
        this.arrived();
      } catch (error) {
        this.failed(error);
      }
    });
  }
}

/** @param {import("../lab.js").Lab} lab @param {Record<string, any>} query */
export const rowsOf = (lab, query) => (/** @type {{ first: number }} */ more) => ask(lab.path("slide/rows"), { ...query, ...more });
