/* What is looked at, as the part of the address behind the hash; nothing else on the page has a state worth a link.

   #/RUN/VIEW?picture=test/17&unit=C1/3&epoch=4&ops=mute:C1/3      a view
   #/RUN/C1/3                                                      a unit's card */

/**
 * @typedef {object} Place
 * @property {string} run       a Run's name; "" is the one that the page opens with
 * @property {string} view
 * @property {string} unit      such as "C1/3", or ""
 * @property {string} picture   "test/17", "train/3", "kept/HASH" or "ink/STROKES"
 * @property {number | null} epoch  a kept epoch, or null: the net as it ended
 * @property {string[]} ops     operations, in order, such as "mute:C1/3"
 * @property {Record<string, string>} more  what a view has of its own
 */

/** @returns {Place} */
export const nowhere = () => ({ run: "", view: "draw", unit: "", picture: "", epoch: null, ops: [], more: {} });

/** @param {string} hash @returns {Place} */
export function parse(hash) {
  const place = nowhere();
  const text = hash.replace(/^#?\/?/, "");
  const cut = text.indexOf("?");
  const parts = (cut < 0 ? text : text.slice(0, cut)).split("/").filter(Boolean).map(decoded);
  const query = new URLSearchParams(cut < 0 ? "" : text.slice(cut + 1));
  if (parts.length && parts[0] !== "-") place.run = parts[0];
  if (parts.length === 2) place.view = parts[1];
  if (parts.length >= 3 && /^\d+$/.test(parts[parts.length - 1])) {
    place.view = "units";
    place.unit = parts.slice(1).join("/");
  }
  for (const [key, value] of query) {
    if (key === "unit") place.unit = value;
    else if (key === "picture") place.picture = value;
    else if (key === "epoch") place.epoch = /^\d+$/.test(value) ? Number(value) : null;
    else if (key === "ops") place.ops = value.split(";").filter(Boolean);
    else place.more[key] = value;
  }
  return place;
}

/** @param {Place} place @returns {string} */
export function format(place) {
  const card = place.view === "units" && place.unit;
  const path = ["", place.run || "-", ...(card ? place.unit.split("/") : [place.view])].map(encodeURIComponent).join("/");
  const said = [];
  if (!card && place.unit) said.push(["unit", place.unit]);
  if (place.picture) said.push(["picture", place.picture]);
  if (place.epoch !== null) said.push(["epoch", String(place.epoch)]);
  if (place.ops.length) said.push(["ops", place.ops.join(";")]);
  for (const [key, value] of Object.entries(place.more)) if (value !== "") said.push([key, value]);
  const query = said.map(([key, value]) => `${encodeURIComponent(key)}=${readable(value)}`).join("&");
  return `#${path}${query ? `?${query}` : ""}`;
}

/** Query values keep what a person can read: slashes, colons and commas need no code. @param {string} value */
function readable(value) {
  return encodeURIComponent(value).replace(/%2F/g, "/").replace(/%3A/g, ":").replace(/%2C/g, ",");
}

/** @param {string} part */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
