/* Numbers as a person reads them. */

/** A number with three digits that count, a true minus, and no tail of zeros. @param {number} value */
export function number(value) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "not a number" : value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  if (size < 5e-7) return "0";
  const text = size >= 10000 || size < 0.001 ? value.toExponential(1) : size >= 999.5 ? value.toFixed(0) : value.toPrecision(3);
  return text.replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "").replaceAll("-", "−");
}

/** All digits of a number, as the library computed it. @param {number} value */
export const exact = (value) => String(value).replaceAll("-", "−");

/** A probability in percent, never rounded to none or all. @param {number} part 0..1 */
export function percent(part) {
  if (part > 0 && part < 0.001) return "< 0.1 %";
  if (part > 0.9995) return "> 99.9 %";
  return `${(100 * part).toFixed(1)} %`;
}

/** A count of things, such as "1 unit" or "6 units". @param {number} n @param {string} one @param {string} [many] */
export const count = (n, one, many = `${one}s`) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;

/** Seconds as a person says them. @param {number} seconds */
export function duration(seconds) {
  if (seconds < 100) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 100 ? `${minutes} min` : `${(minutes / 60).toFixed(1)} h`;
}
