/* Reads what convscope.lab.packed writes: a head, and arrays. */

/**
 * @typedef {object} Values
 * @property {Float32Array | Float64Array | Uint8Array | Int32Array} values
 * @property {number[]} shape
 */
/** @typedef {{ head: any, arrays: Record<string, Values> }} Message */

const KINDS = { float32: Float32Array, float64: Float64Array, uint8: Uint8Array, int32: Int32Array };

/** @param {ArrayBuffer} buffer @returns {Message} */
export function unpacked(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  /** @type {Record<string, Values>} */
  const arrays = {};
  for (const [name, [kind, shape, at]] of Object.entries(/** @type {Record<string, [keyof typeof KINDS, number[], number]>} */ (head.arrays))) {
    const count = shape.reduce((product, size) => product * size, 1);
    arrays[name] = { values: new KINDS[kind](buffer, 4 + length + at, count), shape };
  }
  return { head, arrays };
}
