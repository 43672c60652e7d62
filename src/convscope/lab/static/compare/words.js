/* What a contest is called, and where its figures come from. */

/** @param {any} one a line of the list */
export function titled({ name, own, source, budget, methods, state }) {
  const pictures = String(source || name).split("/").pop();
  const going = ["waiting", "starting", "reading", "training", "stopping", "finishing"].includes(state) ? ", goes on" : "";
  return `${pictures}${budget && budget !== "default" ? `, ${budget}` : ""}: ${methods} methods, ${own ? "measured here" : "comes with convscope"}${going}`;
}

const PAPER = 60_000;

/** Where figures come from, in a line. @param {any} told */
export function evidence({ evidence: e, results, test_pictures: n, seed = 0 }) {
  const versions = ["python", "torch", "scikit-learn", "convscope"].filter((name) => e[name]).map((name) => `${name} ${e[name]}`).join(", ");
  const learned = Math.max(...results.map((/** @type {any} */ row) => row.learned));
  const papers = results.some((/** @type {any} */ row) => row.published_error_percent !== null);
  const fewer = papers && learned < PAPER ? ` The published figures are of methods that learned from ${PAPER.toLocaleString("en")} pictures, these from ${learned.toLocaleString("en")}.` : "";
  return `Errors of ${Number(n).toLocaleString("en")} test pictures, with 95 % intervals (Wilson). Measured on ${e.written} by ${e.command}: ${e.processor}, ${e.cores} cores, ${versions}, seed ${seed}.${fewer}`;
}
