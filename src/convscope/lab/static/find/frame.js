/* What of a large picture is seen on a board: which point lies in its middle, and how near it is. */

/** @typedef {[number, number]} Pair  width and height, or x and y */
/** @typedef {{ x: number, y: number, zoom: number }} Look  the picture's point in the middle; zoom 1 shows all of it */
/** @typedef {{ left: number, top: number, width: number, height: number }} Part  in pixels of the picture */

/** So many pixels of the board a pixel of the picture gets at most. */
const NEAREST = 32;

/** Pixels of the board to one of the picture. @param {Look} look @param {Pair} size @param {Pair} board */
export const scaleOf = (look, size, board) => look.zoom * Math.min(board[0] / size[0], board[1] / size[1]);

/** The whole picture. @param {Pair} size @returns {Look} */
export const whole = (size) => ({ x: size[0] / 2, y: size[1] / 2, zoom: 1 });

/** Where a point of the picture lies on the board. @param {Look} look @param {Pair} size @param {Pair} board @param {Pair} point @returns {Pair} */
export function toBoard(look, size, board, [x, y]) {
  const scale = scaleOf(look, size, board);
  return [board[0] / 2 + (x - look.x) * scale, board[1] / 2 + (y - look.y) * scale];
}

/** The point of the picture under one of the board. @param {Look} look @param {Pair} size @param {Pair} board @param {Pair} point @returns {Pair} */
export function toPicture(look, size, board, [x, y]) {
  const scale = scaleOf(look, size, board);
  return [look.x + (x - board[0] / 2) / scale, look.y + (y - board[1] / 2) / scale];
}

/** A look that is not too near, and not beside the picture. @param {Look} look @param {Pair} size @param {Pair} board @returns {Look} */
export function within(look, size, board) {
  const fits = scaleOf(whole(size), size, board);
  const zoom = Math.max(1, Math.min(look.zoom, Math.max(1, NEAREST / fits)));
  /** @param {number} at @param {0 | 1} axis */
  const kept = (at, axis) => {
    const half = Math.min(size[axis], board[axis] / (fits * zoom)) / 2;
    return Math.max(half, Math.min(size[axis] - half, at));
  };
  return { x: kept(look.x, 0), y: kept(look.y, 1), zoom };
}

/** Nearer, or further away, with a point of the board staying where it is. @param {Look} look @param {Pair} size @param {Pair} board @param {number} times @param {Pair} about @returns {Look} */
export function zoomed(look, size, board, times, about) {
  const { zoom } = within({ ...look, zoom: look.zoom * times }, size, board);
  const [x, y] = toPicture(look, size, board, about);
  const scale = scaleOf({ ...look, zoom }, size, board);
  return within({ x: x - (about[0] - board[0] / 2) / scale, y: y - (about[1] - board[1] / 2) / scale, zoom }, size, board);
}

/** So near that a frame fills a part of the board. @param {Part} frame @param {Pair} size @param {Pair} board @param {number} [part] @returns {Look} */
export function onto({ left, top, width, height }, size, board, part = 0.25) {
  const zoom = (part * Math.min(board[0] / width, board[1] / height)) / scaleOf(whole(size), size, board);
  return within({ x: left + width / 2, y: top + height / 2, zoom }, size, board);
}

/** What of the picture is seen. @param {Look} look @param {Pair} size @param {Pair} board @returns {Part} */
export function partOf(look, size, board) {
  const [left, top] = toPicture(look, size, board, [0, 0]).map((edge) => Math.max(0, Math.floor(edge)));
  const [right, bottom] = toPicture(look, size, board, board).map((edge, axis) => Math.min(size[axis], Math.ceil(edge)));
  return { left, top, width: Math.max(1, right - left), height: Math.max(1, bottom - top) };
}

/** @param {Look} look */
export const toText = ({ x, y, zoom }) => [x.toFixed(1), y.toFixed(1), zoom.toFixed(2)].join(",");

/** @param {string | undefined} text @returns {Look | null} */
export function fromText(text) {
  const [x, y, zoom] = (text ?? "").split(",").map(Number);
  return [x, y, zoom].every(Number.isFinite) && zoom >= 1 ? { x, y, zoom } : null;
}
