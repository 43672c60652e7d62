/* Draws a sliding trace. Every number comes from the library, in `scene`; nothing is computed here but places on the page. */

const NEUTRAL = 127;

function colour(film, value, limit) {
  if (value === null) return "#c77a30";
  const at = limit > 0 ? Math.round((value / limit) * NEUTRAL) : 0;
  return film[NEUTRAL + Math.max(-NEUTRAL, Math.min(NEUTRAL, at))];
}

function grey(value, [low, high]) {
  const level = high > low ? Math.round((255 * (value - low)) / (high - low)) : 128;
  return `rgb(${level},${level},${level})`;
}

function number(value) {
  if (value === null) return "not finite";
  const text = Math.abs(value) >= 1000 || (value !== 0 && Math.abs(value) < 0.001) ? value.toExponential(2) : value.toPrecision(3);
  return text.replace("-", "−");
}

function cells(canvas, rows, columns, side, paint) {
  const scale = window.devicePixelRatio || 1;
  canvas.width = columns * side * scale;
  canvas.height = rows * side * scale;
  canvas.style.width = `${columns * side}px`;
  const ink = canvas.getContext("2d");
  ink.scale(scale, scale);
  for (let y = 0; y < rows; y++)
    for (let x = 0; x < columns; x++) {
      const fill = paint(y, x);
      if (!fill) continue;
      ink.fillStyle = fill;
      ink.fillRect(x * side, y * side, side, side);
    }
  return ink;
}

function element(parent, tag, name, text = "") {
  const made = document.createElement(tag);
  if (name) made.className = name;
  made.textContent = text;
  parent.appendChild(made);
  return made;
}

function sheet(film, scene, values, limit, shape) {
  const [channels, rows, columns] = shape;
  const table = document.createElement("div");
  table.className = "cs-channels";
  for (let c = 0; c < channels; c++) {
    const grid = element(table, "div", "cs-cells");
    grid.style.gridTemplateColumns = `repeat(${columns}, 1fr)`;
    for (let k = 0; k < rows * columns; k++) {
      const value = values[c * rows * columns + k];
      const cell = element(grid, "span", "", columns <= 7 ? number(value) : "");
      cell.title = number(value);
      if (limit !== null) {
        cell.style.background = colour(film, value, limit);
        cell.style.color = limit > 0 && Math.abs(value) > 0.55 * limit ? "var(--cs-on-film)" : "inherit";
      }
    }
  }
  return table;
}

function render({ model, el }) {
  const scene = model.get("scene");
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const [, height, width] = scene.shape;
  const [rows, columns] = scene.size;
  const [, kernelRows, kernelColumns] = scene.kernel_shape;
  const side = Math.max(3, Math.min(16, Math.floor(320 / Math.max(height, width))));

  el.classList.add("cs-slide");
  const board = element(el, "div", "cs-board");
  const left = element(board, "figure", "");
  const right = element(board, "figure", "");
  element(left, "figcaption", "", `picture, ${scene.shape.join("×")}${scene.shape[0] > 1 ? "; channel 0 is drawn" : ""}`);
  element(right, "figcaption", "", `${scene.name}: map ${rows}×${columns}, ±${number(scene.map_limit)}`);
  const picture = element(left, "canvas", "");
  const map = element(right, "canvas", "");
  const bar = element(el, "div", "cs-bar");
  const back = element(bar, "button", "", "‹");
  const play = element(bar, "button", "", "Play");
  const step = element(bar, "button", "", "›");
  back.title = "One place back";
  step.title = "One place on";
  const scrub = element(bar, "input", "");
  Object.assign(scrub, { type: "range", min: 0, max: rows * columns - 1, step: 1 });
  scrub.setAttribute("aria-label", "Place of the kernel");
  const line = element(el, "p", "cs-line");
  const sums = element(el, "div", "cs-sum");

  function draw() {
    const film = scene.film[dark.matches ? "dark" : "light"];
    const place = model.get("place");
    const [y, x] = [Math.floor(place / columns), place % columns];
    const inside = scene.rows[place];
    const beside = scene.columns[place];
    const ink = cells(picture, height, width, side, (i, j) => grey(scene.picture[i * width + j], scene.range));
    ink.strokeStyle = "#ffb000";
    ink.lineWidth = 2;
    const [top, bottom] = [inside[0], inside[inside.length - 1] + 1];
    const [first, last] = [beside[0], beside[beside.length - 1] + 1];
    ink.strokeRect(first * side, top * side, (last - first) * side, (bottom - top) * side);
    const drawn = cells(map, rows, columns, side, (i, j) =>
      i * columns + j <= place ? colour(film, scene.map[i * columns + j], scene.map_limit) : null);
    drawn.strokeStyle = "#ffb000";
    drawn.lineWidth = 2;
    drawn.strokeRect(x * side, y * side, side, side);
    const parts = [...scene.sums[place].map(number), ...(scene.bias ? [`bias ${number(scene.bias)}`] : [])];
    const sum = parts.length > 1 ? `${parts.join(" + ")} = ` : "";
    line.textContent = `row ${y}, column ${x}: ${sum}${number(scene.map[place])}`;
    const most = Math.max(...scene.products[place].map(Math.abs));
    sums.replaceChildren();
    const shape = [scene.shape[0] === scene.kernel_shape[0] ? scene.kernel_shape[0] : 1, kernelRows, kernelColumns];
    for (const [title, values, limit] of [
      ["window", scene.windows[place], null],
      ["× kernel", scene.kernel, scene.kernel_limit],
      ["= products", scene.products[place], most],
    ]) {
      const figure = element(sums, "figure", "");
      element(figure, "figcaption", "", title);
      figure.appendChild(sheet(film, scene, values, limit, shape));
    }
    scrub.value = place;
  }

  function go(place) {
    model.set("place", Math.max(0, Math.min(rows * columns - 1, place)));
    model.save_changes();
  }

  let timer = null;
  function stop() {
    clearInterval(timer);
    timer = null;
    play.textContent = "Play";
  }
  play.onclick = () => {
    if (timer) return stop();
    if (model.get("place") === rows * columns - 1) go(0);
    play.textContent = "Pause";
    timer = setInterval(() => (model.get("place") < rows * columns - 1 ? go(model.get("place") + 1) : stop()), 60);
  };
  back.onclick = () => go(model.get("place") - 1);
  step.onclick = () => go(model.get("place") + 1);
  scrub.oninput = () => go(Number(scrub.value));
  map.onpointerdown = map.onpointermove = (event) => {
    if (event.type === "pointermove" && !event.buttons) return;
    const box = map.getBoundingClientRect();
    const at = (along, size, count) => Math.max(0, Math.min(count - 1, Math.floor((along / size) * count)));
    go(at(event.clientY - box.top, box.height, rows) * columns + at(event.clientX - box.left, box.width, columns));
  };
  model.on("change:place", draw);
  dark.addEventListener("change", draw);
  draw();
  return () => {
    stop();
    dark.removeEventListener("change", draw);
  };
}

export default { render };
