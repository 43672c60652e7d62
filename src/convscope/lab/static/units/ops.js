/* Operations on units as a list of texts: what a link holds, and what buttons do to it. Nothing here touches the page. */

/** @param {string} op @returns {{ verb: string, unit: string, rest: string[] }} */
export function parts(op) {
  const [verb, unit = "", ...rest] = op.split(":");
  return { verb, unit, rest };
}

/** @param {string} op @param {string} verb @param {string} unit */
const is = (op, verb, unit) => parts(op).verb === verb && parts(op).unit === unit;

/** @param {string[]} ops @param {string} unit */
export const muted = (ops, unit) => ops.some((op) => is(op, "mute", unit));

/** Whether anything is done to a unit. @param {string[]} ops @param {string} unit */
export const touched = (ops, unit) => ops.some((op) => parts(op).unit === unit || (parts(op).verb === "swap" && parts(op).rest[0] === unit));

/** Mute a unit, or let it speak again. @param {string[]} ops @param {string} unit */
export const toggled = (ops, unit) => (muted(ops, unit) ? ops.filter((op) => !is(op, "mute", unit)) : [...ops, `mute:${unit}`]);

/** What a unit's sums are multiplied with. @param {string[]} ops @param {string} unit */
export function factor(ops, unit) {
  const found = ops.findLast((op) => is(op, "scale", unit));
  return found ? Number(parts(found).rest[0]) : 1;
}

/** A unit's sums times a factor, in place of what they were multiplied with before. @param {string[]} ops @param {string} unit @param {number} by */
export const scaled = (ops, unit, by) => placed(ops, "scale", unit, by === 1 ? null : `scale:${unit}:${by}`);

/** @param {string[]} ops @param {string} one @param {string} other */
export function swapped(ops, one, other) {
  const back = ops.at(-1) === `swap:${one}:${other}` || ops.at(-1) === `swap:${other}:${one}`;
  return back ? ops.slice(0, -1) : [...ops, `swap:${one}:${other}`];
}

/** Another kernel for a unit, in place of one that it was given before. @param {string[]} ops @param {string} unit @param {ArrayLike<number>} numbers */
export const edited = (ops, unit, numbers) => placed(ops, "edit", unit, `edit:${unit}:${Array.from(numbers, written).join(",")}`);

/** The kernel that a unit learned. @param {string[]} ops @param {string} unit */
export const unedited = (ops, unit) => placed(ops, "edit", unit, null);

/** An operation in the place of the last one of its kind on its unit, where nothing else came in between; else at the end.
 *  @param {string[]} ops @param {string} verb @param {string} unit @param {string | null} op */
function placed(ops, verb, unit, op) {
  const at = ops.findLastIndex((one) => is(one, verb, unit));
  if (at < 0) return op ? [...ops, op] : ops;
  return [...ops.slice(0, at), ...(op ? [op] : []), ...ops.slice(at + 1)];
}

/** A number with as few digits as say the same in the library's 32 bits. @param {number} value */
export function written(value) {
  const meant = Math.fround(value);
  for (let digits = 1; digits < 9; digits++) {
    const text = String(Number(meant.toPrecision(digits)));
    if (Math.fround(Number(text)) === meant) return text;
  }
  return String(Number(meant.toPrecision(9)));
}
