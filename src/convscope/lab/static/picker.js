/* A sheet of pictures of the set that the network learned, to pick one from. */

import { ask } from "./api.js";
import { button, el } from "./parts.js";

const COUNT = 60;

/** @param {import("./lab.js").Lab} lab @param {(picture: string) => void} pick */
export function pickPicture(lab, pick) {
  const page = lab.page;
  let start = 0;
  const label = el("select", { "aria-label": "Of which class", onchange: () => fill(0) }, el("option", { value: "", text: "all classes" }), ...page.classes.map((/** @type {string} */ name) => el("option", { value: name, text: name })));
  const part = el("select", { "aria-label": "Which pictures", onchange: () => fill(0) }, el("option", { value: "test", text: "test pictures" }), el("option", { value: "train", text: "training pictures" }));
  const wrong = el("input", { type: "checkbox", onchange: () => fill(0) });
  const grid = el("div", { class: "pick" });
  const words = el("p", { class: "quiet", role: "status" });
  const back = button("Earlier", () => fill(start - COUNT));
  const on = button("More", () => fill(start + COUNT));
  const box = el("dialog", { class: "picker", "aria-label": "Pick a picture" }, el("h2", { text: "Pick a picture" }),
    el("div", { class: "row" }, part, label, el("label", { class: "tick" }, wrong, "only mistakes")), grid, words,
    el("p", { class: "row" }, back, on, button("Close", () => box.close(), { class: "first" })));
  box.addEventListener("close", () => box.remove());
  document.body.append(box);
  box.showModal();
  fill(0);

  /** @param {number} from */
  async function fill(from) {
    start = Math.max(0, from);
    words.textContent = "The pictures are fetched.";
    const query = { part: part.value, label: label.value, wrong: wrong.checked, start, count: COUNT };
    try {
      const found = await ask(lab.path("pictures"), query);
      grid.replaceChildren(...found.map(tile));
      words.textContent = found.length ? "" : wrong.checked && part.value === "train" ? "What the net says of training pictures is not kept: mistakes are known of test pictures." : "There are none such.";
      back.disabled = start === 0;
      on.disabled = found.length < COUNT;
    } catch (error) {
      words.textContent = /** @type {Error} */ (error).message;
    }
  }

  /** @param {{ picture: string, label: string, said: string | null }} one */
  function tile({ picture, label: name, said }) {
    const missed = said !== null && said !== name;
    const image = el("img", { class: "pixels", loading: "lazy", alt: "", src: `api/${lab.path("picture.png")}?picture=${picture}` });
    const words = missed ? `${name}, taken for ${said}` : name;
    return el("button", { type: "button", class: missed ? "missed" : "", title: `${picture}: ${words}`, "aria-label": `${words}, ${picture}`, onclick: () => (box.close(), pick(picture)) }, image, el("span", { text: words }));
  }
}

/** A picture of the set that nobody chose. @param {import("./lab.js").Lab} lab */
export function randomPicture(lab) {
  const count = lab.page.pictures.test;
  return count ? `test/${Math.floor(Math.random() * count)}` : "";
}
