/* The frame of the page: starts, finds the view that the address names, and keeps head, strip and bar true. */

import { Lost, ask } from "./api.js";
import { setPalettes, theme } from "./film.js";
import { takeDropped } from "./incoming.js";
import * as keys from "./keys.js";
import { Lab } from "./lab.js";
import { button, current, el } from "./parts.js";
import { player } from "./play.js";
import { savePage, savePictures } from "./saving.js";
import { Strip } from "./strip.js";
import { Tour } from "./tour.js";
import { VIEWS } from "./views/index.js";

const $ = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const lab = new Lab();
/** @type {{ name: string, shown: import("./views/index.js").Shown | null }} */
const now = { name: "", shown: null };

start();

async function start() {
  const saved = localStorage.getItem("theme");
  if (saved === "light" || saved === "dark") document.documentElement.dataset.theme = saved;
  lab.on("trouble", trouble);
  lab.on("news", news);
  await started();
  setPalettes(await ask("film"));
  new Strip($("strip"), lab);
  const tour = new Tour($("tour"), lab);
  head(tour);
  bar();
  bind();
  lab.on("place", show);
  lab.on("page", runs);
  addEventListener("hashchange", () => lab.arrive());
  addEventListener("popstate", () => lab.arrive());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => lab.tell("theme"));
  $("foot").hidden = false;
  await lab.arrive();
  for (const view of VIEWS) { // the other views are at hand when they are wanted
    await new Promise((go) => (window.requestIdleCallback ?? setTimeout)(go));
    await view.load().catch(() => {}); // it is loaded again, and the trouble said, when somebody goes there
  }
}

/** Wait for the library, saying for what and for how long. */
async function started() {
  for (const began = Date.now(); ; await new Promise((go) => setTimeout(go, 150))) {
    try {
      const state = await ask("ready");
      lab.first = state.first;
      if (state.ready) return;
      const seconds = Math.round((Date.now() - began) / 1000);
      $("view").replaceChildren(state.failed ? el("p", { class: "problem", text: state.failed })
        : el("p", { class: "waiting", text: `convscope is ${state.doing}${seconds ? `, for ${seconds} s now` : ""}. This takes some three seconds.` }));
      if (state.failed) throw new Error(state.failed);
    } catch (error) {
      if (!(error instanceof Lost)) throw error;
      trouble(error);
    }
  }
}

/** @param {Tour} tour */
function head(tour) {
  const select = el("select", { id: "run", "aria-label": "The Run that is looked into", onchange: () => lab.go({ run: select.value, picture: keepable(), unit: "", epoch: null, ops: [] }) });
  const menu = el("nav", { id: "menu", "aria-label": "Views" }, ...VIEWS.filter((view) => view.title).map((view) => el("a", { href: "#", data: { view: view.name }, text: view.title })));
  const burger = button("Menu", () => burger.setAttribute("aria-expanded", String(menu.classList.toggle("open"))), { id: "burger", "aria-expanded": "false", "aria-controls": "menu" });
  const tools = el("div", { class: "tools" }, button("Tour", () => (tour.wanted < 0 ? tour.begin(0) : tour.end()), { class: "plain", title: "The ten minutes: the story of convolution, to be done by hand" }), button("?", keys.help, { class: "plain", "aria-label": "Keys", title: "Keys" }),
    button("◐", turn, { class: "plain", "aria-label": "Light or dark", title: "Light or dark" }));
  $("head").append(el("a", { class: "brand", href: "#/" }, el("i", { "aria-hidden": "true" }), "convscope"), select, burger, menu, tools);
  menu.addEventListener("click", () => menu.classList.remove("open"));
}

/** Pictures that mean the same for another Run. */
const keepable = () => (lab.place.picture.startsWith("ink/") || lab.place.picture.startsWith("kept/") ? lab.place.picture : "");

async function runs() {
  const select = /** @type {HTMLSelectElement} */ ($("run"));
  const listed = await ask("runs").catch(() => [lab.page.line]);
  select.replaceChildren(...listed.map((/** @type {any} */ run) => el("option", {
    value: run.name, selected: run.name === lab.place.run, disabled: Boolean(run.problem),
    text: run.problem ? `${run.name}: damaged` : run.packaged ? `${run.net} · ${run.source}` : `${run.name}: ${run.net} · ${String(run.source).split("/").pop()}`,
  })));
  select.value = lab.place.run;
}

function bar() {
  const range = el("input", { type: "range", id: "epoch", min: 0, step: 1, oninput: () => lab.go({ epoch: epochOf(Number(range.value)) }, { replace: true }) });
  const label = el("label", { for: "epoch" }, el("span", { text: "epoch" }), range, el("output", { id: "epochSaid", for: "epoch" }));
  const saves = el("div", { class: "saves" },
    button("Copy link", copyLink, { class: "plain" }),
    button("Save picture", () => savePictures($("view")), { class: "plain" }),
    button("Save page", () => savePage(document.title), { class: "plain" }));
  $("bar").append(label, player(lab), el("div", { class: "operations", id: "operations" }), saves);
  const narrow = matchMedia("(max-width: 50rem)");
  const tools = /** @type {HTMLElement} */ (document.querySelector("#head .tools"));
  const settle = () => { // on a phone they are in the menu
    $(narrow.matches ? "menu" : "bar").append(saves);
    $(narrow.matches ? "menu" : "head").append(tools);
  };
  narrow.addEventListener("change", settle);
  settle();
}

/** The slider's last place is the net as it ended. @param {number} at */
const epochOf = (at) => (at >= lab.page.epochs.length - 1 ? null : lab.page.epochs[at]);

function keepBar() {
  const epochs = lab.page?.epochs ?? [];
  const range = /** @type {HTMLInputElement} */ ($("epoch"));
  const at = lab.place.epoch === null ? epochs.length - 1 : epochs.indexOf(lab.place.epoch);
  /** @type {HTMLElement} */ (range.parentElement).hidden = epochs.length < 2;
  range.max = String(epochs.length - 1);
  range.value = String(at);
  $("epochSaid").textContent = epochs[at] === 0 ? "0, its random start" : `${epochs[at] ?? "?"}${at === epochs.length - 1 ? ", as it ended" : ""}`;
  $("operations").replaceChildren(...(lab.place.ops.length ? [el("span", { text: "changed:" }), ...lab.place.ops.map(operation), button("Reset", () => lab.go({ ops: [] }))] : [el("span", { text: "muted: none" })]));
}

/** @param {string} text @param {number} n */
function operation(text, n) {
  const [verb, unit, more = ""] = text.split(":");
  const says = { mute: `${unit} muted`, scale: `${unit} × ${more}`, swap: `${unit} ⇄ ${more}`, edit: `${unit} edited` }[verb] ?? text;
  return button(`${says} ×`, () => lab.go({ ops: lab.place.ops.filter((_, k) => k !== n) }), { title: "Take this back", "aria-label": `Take back: ${says}` });
}

/** Show the view that the address names. @param {import("./link.js").Place} before */
async function show(before) {
  const wanted = VIEWS.find((view) => view.name === lab.place.view) ?? VIEWS[0];
  for (const link of document.querySelectorAll("#menu a")) {
    const view = /** @type {HTMLElement} */ (link).dataset.view ?? "";
    link.setAttribute("href", lab.link({ view, unit: view === "units" ? "" : lab.place.unit }));
    current(link, view === wanted.name);
  }
  keepBar();
  document.title = `${lab.place.unit || wanted.title} · ${lab.place.run} · convscope`;
  if (!lab.page) return;
  if (now.name === wanted.name && now.shown && before.run === lab.place.run) return now.shown.update?.(before);
  now.shown?.leave?.();
  now.name = wanted.name;
  now.shown = null;
  keys.setViewKeys([]);
  const { mount } = await wanted.load();
  if (now.name !== wanted.name || now.shown) return;
  const root = el("div", { class: `view ${wanted.name}` });
  $("view").replaceChildren(root);
  now.shown = mount(root, lab);
  keys.setViewKeys(now.shown?.keys ?? []);
}

/** @param {Error | null} error */
function trouble(error) {
  const news = $("news");
  if (!error) {
    if (news.className === "problem") news.hidden = true;
    return;
  }
  clearTimeout(shortly);
  news.hidden = false;
  news.textContent = error.message.charAt(0).toUpperCase() + error.message.slice(1);
  news.className = "problem";
  if (error instanceof Lost) back();
}

let waiting = false;
/** The connection is lost: ask for it every second, and go on where we were. */
async function back() {
  if (waiting) return;
  waiting = true;
  for (;;) {
    await new Promise((go) => setTimeout(go, 1000));
    if (!(await ask("ready").catch(() => null))?.ready) continue;
    waiting = false;
    $("news").hidden = true;
    if (now.name) return lab.say(true);
    return;
  }
}

function turn() {
  const next = theme() === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  localStorage.setItem("theme", next);
  lab.tell("theme");
}

async function copyLink() {
  await navigator.clipboard?.writeText(location.href).catch(() => {});
  news({ text: `The link is copied: ${location.href}` });
}

let shortly = 0;
/** Say something that is no trouble, for a while; with `act` it can be acted on. @param {{ text: string, act?: string, then?: () => void }} said */
function news({ text, act, then }) {
  const line = $("news");
  const away = () => (line.hidden = true);
  line.className = "";
  line.hidden = false;
  line.replaceChildren(text, " ", act ? button(act, () => (away(), then?.())) : "");
  clearTimeout(shortly);
  shortly = setTimeout(away, act ? 30_000 : 4000);
}

function bind() {
  document.querySelector("[data-skip]")?.addEventListener("click", (event) => {
    event.preventDefault();
    $("view").focus();
  });
  keys.onKey("?", "this list", keys.help);
  keys.onKey(VIEWS.filter((view) => view.title).map((_, n) => String(n + 1)), "the views, in order", (event) => lab.go({ view: VIEWS.filter((v) => v.title)[Number(event.key) - 1].name, unit: "" }));
  keys.onKey(["[", "]"], "the layer below, the layer above", (event) => layer(event.key === "]" ? 1 : -1));
  keys.onKey(["<", ">"], "an epoch back, an epoch on", (event) => {
    const range = /** @type {HTMLInputElement} */ ($("epoch"));
    range.value = String(Number(range.value) + (event.key === ">" ? 1 : -1));
    range.dispatchEvent(new Event("input"));
  });
  keys.onKey("d", "light or dark", turn);
  keys.listen();
  takeDropped(lab);
}

/** @param {number} step */
function layer(step) {
  const names = lab.page?.layers.map((/** @type {any} */ one) => one.name) ?? [];
  const at = names.indexOf(lab.place.more.layer ?? lab.place.unit.split("/")[0]);
  const next = names[Math.max(0, Math.min(names.length - 1, at + step))];
  if (next) lab.go({ view: "units", unit: "", more: { ...lab.kept(), layer: next } });
}
