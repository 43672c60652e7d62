/* The views, in the order of the menu. Each is a module of its own with `mount`. */

/**
 * @typedef {object} Shown  a view that is shown
 * @property {(before: import("../link.js").Place) => void} [update]  the place has changed, but not the view or the Run
 * @property {() => void} [leave]  it is taken away: stop timers, let go of listeners
 * @property {import("../keys.js").Key[]} [keys]
 */
/** @typedef {{ mount: (root: HTMLElement, lab: import("../lab.js").Lab) => Shown }} View */
/** @typedef {{ name: string, title: string, load: () => Promise<View> }} Entry */

/** @type {Entry[]} */
export const VIEWS = [
  { name: "draw", title: "Draw", load: () => import("./draw.js") },
  { name: "slide", title: "Slide", load: () => import("./slide.js") },
  { name: "paper", title: "Paper", load: () => import("./paper.js") },
  { name: "pad", title: "Pad", load: () => import("./pad.js") },
  { name: "units", title: "Units", load: () => import("./units.js") },
  { name: "find", title: "Find", load: () => import("./find.js") },
  { name: "train", title: "Train", load: () => import("./train.js") },
  { name: "compare", title: "Compare", load: () => import("./compare.js") },
  { name: "runs", title: "Runs", load: () => import("./runs.js") },
];
