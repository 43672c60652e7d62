/* Strokes of a pen: as text for a link, and as pixels for the network. Points are 0..255 in both directions. */

/** @typedef {[number, number][]} Stroke */

export const SIDE = 112;
const WIDTH = 0.085;

/** @param {Stroke[]} strokes */
export function toText(strokes) {
  const bytes = [];
  for (const stroke of strokes) {
    for (let start = 0; start < stroke.length; start += 254) {
      const part = stroke.slice(Math.max(0, start - 1), start + 254);
      bytes.push(part.length);
      for (const [x, y] of part) bytes.push(x, y);
    }
  }
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

/** @param {string} text @returns {Stroke[]} none where the text says none */
export function fromText(text) {
  let bytes;
  try {
    bytes = [...atob(text.replace(/-/g, "+").replace(/_/g, "/"))].map((letter) => letter.charCodeAt(0));
  } catch {
    return [];
  }
  const strokes = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes[at++];
    /** @type {Stroke} */
    const stroke = [];
    for (let n = 0; n < length && at + 1 < bytes.length; n++, at += 2) stroke.push([bytes[at], bytes[at + 1]]);
    if (stroke.length) strokes.push(stroke);
  }
  return strokes;
}

/** Draw strokes onto a canvas of any size. @param {CanvasRenderingContext2D} ink @param {Stroke[]} strokes @param {number} side */
export function draw(ink, strokes, side) {
  ink.lineCap = ink.lineJoin = "round";
  ink.lineWidth = WIDTH * side;
  for (const stroke of strokes) {
    ink.beginPath();
    stroke.forEach(([x, y], n) => ink[n ? "lineTo" : "moveTo"]((x / 255) * side, (y / 255) * side));
    if (stroke.length === 1) ink.lineTo((stroke[0][0] / 255) * side + 0.01, (stroke[0][1] / 255) * side);
    ink.stroke();
  }
}

/** @type {HTMLCanvasElement | null} */
let board = null;

/** The strokes as SIDE x SIDE pixels, white on black, a byte a pixel. @param {Stroke[]} strokes @returns {Uint8Array} */
export function pixels(strokes) {
  board ??= Object.assign(document.createElement("canvas"), { width: SIDE, height: SIDE });
  const ink = /** @type {CanvasRenderingContext2D} */ (board.getContext("2d", { willReadFrequently: true }));
  ink.fillStyle = "#000";
  ink.fillRect(0, 0, SIDE, SIDE);
  ink.strokeStyle = "#fff";
  draw(ink, strokes, SIDE);
  const colours = ink.getImageData(0, 0, SIDE, SIDE).data;
  const bytes = new Uint8Array(SIDE * SIDE);
  for (let n = 0; n < bytes.length; n++) bytes[n] = colours[4 * n];
  return bytes;
}

/** A seven, as a person writes it. @type {Stroke[]} */
export const SEVEN = [
  [
    ...[...Array(14)].map((_, n) => /** @type {[number, number]} */ ([62 + Math.round(n * 9.6), 62 - Math.round(3 * Math.sin(n / 4))])),
    ...[...Array(20)].map((_, n) => /** @type {[number, number]} */ ([187 - Math.round(n * 3.9 + 0.05 * n * n), 66 + Math.round(n * 7.2)])),
  ],
];
