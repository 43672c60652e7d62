/* Pictures as files, and the page as one file that needs nothing else. */

import { button, download, el } from "./parts.js";

/** @param {HTMLCanvasElement} canvas @param {number} [least] pixels that its longer side gets at least */
export function enlarged(canvas, least = 512) {
  const times = Math.max(1, Math.round(least / Math.max(canvas.width, canvas.height)));
  const larger = el("canvas", { width: canvas.width * times, height: canvas.height * times });
  const ink = larger.getContext("2d");
  ink.imageSmoothingEnabled = false;
  ink.drawImage(canvas, 0, 0, larger.width, larger.height);
  return larger;
}

/** A canvas as SVG: runs of pixels of one colour as rectangles. @param {HTMLCanvasElement} canvas */
export function svg(canvas) {
  const { width, height } = canvas;
  const ink = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const data = new Uint32Array(ink.getImageData(0, 0, width, height).data.buffer);
  const parts = [];
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; ) {
      let end = x + 1;
      while (end < width && data[y * width + end] === data[y * width + x]) end++;
      const c = data[y * width + x];
      if (c >>> 24) parts.push(`<rect x="${x}" y="${y}" width="${end - x}" height="1" fill="rgb(${c & 255},${(c >> 8) & 255},${(c >> 16) & 255})"/>`);
      x = end;
    }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" shape-rendering="crispEdges">${parts.join("")}</svg>`;
}

/** A list of the view's pictures, each to be saved. @param {HTMLElement} view */
export function savePictures(view) {
  const found = [...view.querySelectorAll("canvas")].filter((canvas) => canvas.width * canvas.height > 1 && canvas.offsetParent);
  const rows = found.map((canvas, n) => {
    const name = canvas.dataset.name ?? canvas.getAttribute("aria-label")?.split(/[:.]/)[0] ?? `picture ${n + 1}`;
    const file = `convscope ${name}`.replace(/[^\w ,()-]+/g, "-");
    const png = () => enlarged(canvas).toBlob((/** @type {Blob | null} */ blob) => blob && download(blob, `${file}.png`));
    const drawn = () => download(new Blob([svg(canvas)], { type: "image/svg+xml" }), `${file}.svg`);
    const preview = el("img", { class: "pixels", src: canvas.toDataURL(), alt: "", width: 48 });
    return el("tr", {}, el("td", {}, preview), el("td", { text: name }), el("td", { class: "row" }, button("PNG", png),
      canvas.width * canvas.height <= 250_000 ? button("SVG", drawn) : null));
  });
  const moving = [...view.querySelectorAll("a[data-save]")].map((link) => el("tr", {}, el("td"), el("td", { text: link.textContent }), el("td", {}, link.cloneNode(true))));
  const box = el("dialog", { "aria-label": "Save a picture" }, el("h2", { text: "Save a picture" }),
    rows.length || moving.length ? el("table", {}, el("tbody", {}, ...rows, ...moving)) : el("p", { text: "This view has no pictures yet." }),
    el("p", { class: "row" }, button("Close", () => box.close(), { class: "first" })));
  box.addEventListener("close", () => box.remove());
  document.body.append(box);
  box.showModal();
}

/** The view as one HTML file without scripts: what is seen now, to be kept, printed or sent. @param {string} title */
export async function savePage(title) {
  const copy = /** @type {HTMLElement} */ (document.documentElement.cloneNode(true));
  const canvases = document.querySelectorAll("canvas");
  copy.querySelectorAll("canvas").forEach((canvas, n) => {
    const image = el("img", { src: canvases[n].toDataURL(), alt: canvas.getAttribute("aria-label") ?? "", class: canvas.className });
    image.classList.add("pixels");
    const { width, height } = getComputedStyle(canvases[n]);
    image.style.cssText = `width:${width};height:${height};${canvas.style.cssText}`; // an attribute would be refused
    canvas.replaceWith(image);
  });
  const images = document.querySelectorAll("img");
  await Promise.all([...copy.querySelectorAll("img")].map(async (image, n) => {
    const source = images[n]?.src;
    if (source && !image.src.startsWith("data:")) image.src = await dataAddress(source);
  }));
  const fields = document.querySelectorAll("input, select, textarea");
  copy.querySelectorAll("input, select, textarea").forEach((field, n) => frozen(field, /** @type {any} */ (fields[n])));
  copy.querySelectorAll("script, link, dialog, noscript, .tip").forEach((node) => node.remove());
  const style = [...document.styleSheets].flatMap((sheet) => [...sheet.cssRules].map((rule) => rule.cssText)).join("\n");
  const head = /** @type {HTMLElement} */ (copy.querySelector("head"));
  head.append(el("style", { text: `${style}\nbutton, input, select { pointer-events: none; } #foot { position: static; }` }));
  const note = `Saved from convscope on ${new Date().toLocaleString("en-GB")}; the view was ${location.hash}`;
  copy.querySelector("body")?.append(el("p", { class: "quiet", text: note }));
  download(new Blob([`<!doctype html>\n${copy.outerHTML}`], { type: "text/html" }), `${title.replace(/[^\w ,()-]+/g, "-")}.html`);
}

/** @param {Element} copy @param {HTMLInputElement} field */
function frozen(copy, field) {
  if (field.matches("select")) copy.querySelectorAll("option").forEach((option) => option.toggleAttribute("selected", option.value === field.value));
  else if (field.matches("textarea")) copy.textContent = field.value;
  else copy.setAttribute("value", field.value);
  if (field.matches("[type=checkbox], [type=radio]")) copy.toggleAttribute("checked", field.checked);
}

/** @param {string} source @returns {Promise<string>} */
async function dataAddress(source) {
  const blob = await (await fetch(source)).blob();
  return new Promise((resolve) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.readAsDataURL(blob);
  });
}
