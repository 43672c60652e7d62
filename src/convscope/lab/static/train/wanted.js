/* What is to be trained, as the link says it: source, net, recipe, changed knobs. */

/**
 * @typedef {object} Wanted
 * @property {string} source
 * @property {string} net      a name of the zoo, or a text on one line
 * @property {string | null} recipe
 * @property {Record<string, number | string>} knobs  those that differ from the recipe's
 * @property {number} seed
 * @property {number | null} size
 * @property {string | null} fit
 */
/** @typedef {{ name: string, help: string, unit: string, default: number | string, whole: boolean, low: number | null, high: number | null, names: string[] }} Knob */
/** @typedef {{ name: string, nets: string[], about: string, knobs: Record<string, number | string> }} Recipe */

export const FIRST = { source: "mnist", net: "lenet5-modern" };

/** @param {Record<string, string>} more @param {Knob[]} knobs @returns {Wanted} */
export function wantedOf(more, knobs) {
  const named = knobs.filter(({ name }) => name in more && more[name] !== "");
  return {
    source: more.source || FIRST.source,
    net: more.net || FIRST.net,
    recipe: more.recipe || null,
    knobs: Object.fromEntries(named.map((knob) => [knob.name, valueOf(knob, more[knob.name])])),
    seed: whole(more.seed) ?? 0,
    size: whole(more.size),
    fit: more.fit || null,
  };
}

/** The recipe that is meant: the named one, or the net's own. @param {Recipe[]} recipes @param {Wanted} wanted @returns {Recipe} */
export function recipeOf(recipes, { recipe, net }) {
  return recipes.find(({ name }) => name === recipe) ?? recipes.find(({ nets }) => nets.includes(net)) ?? recipes[0];
}

/** A text as a knob's value; what is no number stays a text, so that the library can say what is wrong with it. @param {Knob} knob @param {string} text */
export function valueOf(knob, text) {
  const value = Number(text);
  return knob.names.length || text.trim() === "" || !Number.isFinite(value) ? text : value;
}

/** @param {string | undefined} text */
function whole(text) {
  return text && /^\d{1,9}$/.test(text) ? Number(text) : null;
}

/** A net's text on one line, as the link and the command line have it. @param {string} text */
export const oneLine = (text) => text.split("\n").map((line) => line.replace(/#.*/, "").trim().replace(/\s+/g, " ")).filter(Boolean).join("; ");

/** And back, a layer a line, with names in a column. @param {string} text */
export function manyLines(text) {
  const rows = text.split(/[;\n]/).map((line) => line.trim()).filter(Boolean).map((line) => line.split(/\s+(.*)/s));
  const widest = Math.min(16, Math.max(...rows.map(([name]) => name.length), 0));
  return rows.map(([name, rest = ""]) => (rest ? `${name.padEnd(widest)} ${rest}` : name)).join("\n");
}
