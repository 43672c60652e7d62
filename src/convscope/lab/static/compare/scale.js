/* A logarithmic axis of errors: its ticks, and where a value lies, in percent of its width. */

const STEPS = [1, 2, 5, 10];

/** @param {number[]} values in percent @returns {{ ticks: number[], at: (value: number) => number }} */
export function axis(values) {
  const known = values.filter((value) => value > 0 && Number.isFinite(value));
  if (!known.length) return { ticks: [1, 10], at: () => 50 };
  const low = below(Math.min(...known));
  const high = Math.max(above(Math.max(...known)), 2 * low);
  const ticks = [];
  for (let tick = low; tick <= high * 1.001; tick = above(tick * 1.01)) ticks.push(tick);
  const [a, b] = [Math.log(low), Math.log(high)];
  return { ticks, at: (value) => 2 + 96 * Math.min(1, Math.max(0, (Math.log(Math.max(value, low / 2)) - a) / (b - a))) };
}

/** The largest of 1, 2, 5, 10, 20 and so on that is not above. @param {number} value */
export function below(value) {
  const power = 10 ** Math.floor(Math.log10(value) + 1e-9);
  return power * /** @type {number} */ ([...STEPS].reverse().find((step) => step * power <= value * 1.000001) ?? 1);
}

/** The smallest of them that is not below. @param {number} value */
export function above(value) {
  const power = 10 ** Math.floor(Math.log10(value) + 1e-9);
  return power * /** @type {number} */ (STEPS.find((step) => step * power >= value * 0.999999) ?? 10);
}
