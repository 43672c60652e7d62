/* What was found, as the library says it; and which of it is shown. */

/** @typedef {{ label: string, score: number, x: number, y: number, width: number, height: number }} Box */

/** The boxes that are sure enough, best first. @param {Box[]} boxes @param {number} least @param {string} [kind] only of this class */
export const sure = (boxes, least, kind = "") => boxes.filter((box) => box.score >= least && (!kind || box.label === kind));

/** The number of the smallest box around a point, or -1. @param {Box[]} boxes @param {number} x @param {number} y */
export function at(boxes, x, y) {
  let best = -1;
  boxes.forEach((box, n) => {
    const inside = x >= box.x && x <= box.x + box.width && y >= box.y && y <= box.y + box.height;
    if (inside && (best < 0 || box.width * box.height < boxes[best].width * boxes[best].height)) best = n;
  });
  return best;
}

/** How many of each class, the most frequent first. @param {Box[]} boxes @returns {[string, number][]} */
export function tally(boxes) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const { label } of boxes) counts.set(label, (counts.get(label) ?? 0) + 1);
  return [...counts].sort((one, other) => other[1] - one[1] || one[0].localeCompare(other[0]));
}

/** A box in a link, so that it is found again: its middle. @param {Box} box */
export const named = (box) => `${Math.round(box.x + box.width / 2)},${Math.round(box.y + box.height / 2)}`;

/** The number of the box that a link names, or -1. @param {Box[]} boxes @param {string | undefined} name */
export const numbered = (boxes, name) => (name ? boxes.findIndex((box) => named(box) === name) : -1);
