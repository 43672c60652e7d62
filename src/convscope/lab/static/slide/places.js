/* Where the sheet lies: places of a map, the cells of its window below, and back. No page is needed here. */

/**
 * @typedef {object} Geometry  as the library says it of a unit
 * @property {number[]} input   channels, rows and columns of what it slides over
 * @property {number[]} kernel  rows, columns
 * @property {number[]} size    rows and columns of the map
 * @property {number[]} stride
 * @property {number[]} dilation
 * @property {number[]} sides   padding: top, left, bottom, right
 */
/** @typedef {[number, number]} At  row and column of the map */

/** @param {number} value @param {number} count */
const inside = (value, count) => Math.max(0, Math.min(count - 1, value));

/** The nearest place that there is. @param {Geometry} it @param {At} at @returns {At} */
export const within = ({ size }, [row, column]) => [inside(Math.round(row) || 0, size[0]), inside(Math.round(column) || 0, size[1])];

/** The number of a place, row by row. @param {Geometry} it @param {At} at */
export const numberOf = ({ size }, [row, column]) => row * size[1] + column;

/** @param {Geometry} it @param {number} number @returns {At} */
export function placeOf({ size }, number) {
  const n = inside(number, size[0] * size[1]);
  return [Math.floor(n / size[1]), n % size[1]];
}

/** Rows and columns that a window reaches over, the gaps of its dilation included. @param {Geometry} it @returns {At} */
export const extent = ({ kernel, dilation }) => [(kernel[0] - 1) * dilation[0] + 1, (kernel[1] - 1) * dilation[1] + 1];

/** The first row and column of the window below; negative in the padding. @param {Geometry} it @param {At} at @returns {At} */
export const corner = ({ stride, sides }, [row, column]) => [row * stride[0] - sides[0], column * stride[1] - sides[1]];

/** The place whose window has its middle nearest to a point below, in cells. @param {Geometry} it @param {number} y @param {number} x */
export function placeUnder(it, y, x) {
  const [high, wide] = extent(it);
  return within(it, [(y + it.sides[0] - high / 2) / it.stride[0], (x + it.sides[1] - wide / 2) / it.stride[1]]);
}

/** The middle of a place's window below, in cells. @param {Geometry} it @param {At} at @returns {At} */
export function middle(it, at) {
  const [top, left] = corner(it, at);
  const [high, wide] = extent(it);
  return [top + high / 2, left + wide / 2];
}

/**
 * Where a cell of the window lies below, or null in the padding.
 * @param {Geometry} it @param {At} at @param {number} i @param {number} j @returns {At | null}
 */
export function cell(it, at, i, j) {
  const [top, left] = corner(it, at);
  const [y, x] = [top + i * it.dilation[0], left + j * it.dilation[1]];
  return y >= 0 && x >= 0 && y < it.input[1] && x < it.input[2] ? [y, x] : null;
}

/** How `count` single values are laid out as a block: rows and columns. @param {number} count @param {boolean} [digit] a digit's 7x12 */
export function block(count, digit = false) {
  const columns = digit && count === 84 ? 7 : Math.ceil(Math.sqrt(count));
  return [Math.ceil(count / columns), columns];
}

/** @param {string | undefined} text such as "12,7" @returns {At | null} */
export function fromText(text) {
  const found = /^(\d{1,6}),(\d{1,6})$/.exec(text ?? "");
  return found && [Number(found[1]), Number(found[2])];
}
