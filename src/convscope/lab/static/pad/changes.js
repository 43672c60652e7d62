/* What is changed about the layers' windows: to and from the link, in the library's words. */

/** @typedef {Record<string, Record<string, string>>} Changes  layer -> "padding" | "stride" | "dilation" -> value */

const ORDER = ["padding", "stride", "dilation"];

/** @param {string | undefined} text such as "C1:padding=2,stride=1;C3:padding=same" @returns {Changes} */
export function fromText(text) {
  /** @type {Changes} */
  const found = {};
  for (const part of (text ?? "").split(";").map((one) => one.trim()).filter(Boolean)) {
    const colon = part.indexOf(":");
    const [name, rest] = colon < 0 ? [part, ""] : [part.slice(0, colon), part.slice(colon + 1)];
    found[name] = Object.fromEntries(rest.split(",").filter(Boolean).map((word) => [word.split("=")[0], word.split("=")[1] ?? ""]));
  }
  return found;
}

/** @param {Changes} changes */
export function toText(changes) {
  return Object.entries(changes).map(([name, what]) => [name, ORDER.filter((key) => what[key] !== undefined).map((key) => `${key}=${what[key]}`).join(",")])
    .filter(([, what]) => what).map((pair) => pair.join(":")).join(";");
}

/** One thing is changed; what then is as it was is not said. @param {Changes} changes @param {string} layer @param {string} key @param {string} value @param {string} was */
export function changed(changes, layer, key, value, was) {
  const { [key]: _, ...others } = changes[layer] ?? {};
  return { ...changes, [layer]: value === was ? others : { ...others, [key]: value } };
}

/** Padding same in all these layers, or none of it changed any more. @param {Changes} changes @param {string[]} layers @param {boolean} on @returns {Changes} */
export function everywhere(changes, layers, on) {
  const made = { ...changes };
  for (const layer of layers) {
    const { padding: _, ...others } = made[layer] ?? {};
    made[layer] = on ? { ...others, padding: "same" } : others;
  }
  return made;
}

/** A change in words. @param {Record<string, string | number>} what */
export const inWords = (what) => ORDER.filter((key) => what[key] !== undefined).map((key) => `${key} ${what[key]}`).join(", ");
