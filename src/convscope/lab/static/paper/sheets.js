/* Which sheets lie on the picture, and where: to and from the link. */

/** @typedef {{ sheet: string, at: [number, number] | null }} Lying  a sheet's text; row and column under its middle, null where nobody moved it */
/** @typedef {{ lying: Lying[], chosen: number, over: boolean }} Scene  `over`: the chosen sheet covers the whole picture */

export const MOST = 4;
export const FIRST = "sobel_y";
/** Where sheets lie that nobody has moved, as parts of the picture: rows, columns. */
const PLACES = [[0.42, 0.5], [0.7, 0.4], [0.3, 0.25], [0.72, 0.75]];
const PART = 0.36;

/** @param {Record<string, string>} more @returns {Scene} */
export function fromMore(more) {
  const found = [...Array(MOST).keys()].map((n) => ({ sheet: (more[key("sheet", n)] ?? "").trim(), at: spot(more[key("at", n)]) }));
  const lying = found.filter(({ sheet }) => sheet);
  const chosen = /^[1-4]$/.test(more.chosen ?? "") ? Number(more.chosen) - 1 : 0;
  return { lying: lying.length ? lying : [{ sheet: FIRST, at: null }], chosen: Math.min(chosen, Math.max(0, lying.length - 1)), over: more.show === "over" };
}

/** @param {Scene} scene @returns {Record<string, string>} */
export function toMore({ lying, chosen, over }) {
  /** @type {Record<string, string>} */
  const more = {};
  lying.forEach(({ sheet, at }, n) => {
    more[key("sheet", n)] = sheet;
    if (at) more[key("at", n)] = at.join(",");
  });
  if (chosen) more.chosen = String(chosen + 1);
  if (over) more.show = "over";
  return more;
}

/** One sheet more, which is the chosen one; of too many it takes the chosen one's place. @param {Scene} scene @param {Lying} more @returns {Scene} */
export function added(scene, more) {
  if (scene.lying.length === MOST) return replaced(scene, more);
  return { ...scene, lying: [...scene.lying, more], chosen: scene.lying.length };
}

/** Another sheet in the chosen one's place. @param {Scene} scene @param {Lying} other @returns {Scene} */
export const replaced = (scene, other) => ({ ...scene, lying: scene.lying.map((one, n) => (n === scene.chosen ? other : one)) });

/** A sheet less; the last one stays. @param {Scene} scene @param {number} which @returns {Scene} */
export function without(scene, which) {
  if (scene.lying.length < 2) return scene;
  const chosen = scene.chosen > which || scene.chosen === scene.lying.length - 1 ? scene.chosen - 1 : scene.chosen;
  return { ...scene, lying: scene.lying.filter((_, n) => n !== which), chosen: Math.max(0, chosen) };
}

/** The pixels along a piece of film's side. @param {number} rows @param {number} columns */
export const sideOf = (rows, columns) => Math.max(3, Math.round(PART * Math.min(rows, columns)));

/**
 * The pixel under the middle of a sheet, moved so that it does not leave the picture.
 * @param {[number, number] | null} at @param {number} n @param {number} rows @param {number} columns @returns {[number, number]}
 */
export function placed(at, n, rows, columns) {
  const [row, column] = at ?? [Math.floor(PLACES[n][0] * rows), Math.floor(PLACES[n][1] * columns)];
  return [Math.max(0, Math.min(rows - 1, row)), Math.max(0, Math.min(columns - 1, column))];
}

/** @param {string} name @param {number} n */
const key = (name, n) => (n ? `${name}${n + 1}` : name);

/** @param {string | undefined} text @returns {[number, number] | null} */
function spot(text) {
  const found = /^(\d{1,4}),(\d{1,4})$/.exec(text ?? "");
  return found ? [Number(found[1]), Number(found[2])] : null;
}
