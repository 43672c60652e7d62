"""How quick the page is: from the command to the first answer, from the pointer to the last map, among many; and its weight.

    python benchmarks/lab.py [--rounds 5] [--seconds 60] [--clients 32] [--only NAME ...]

The command is started as a person would start it, in a folder of its own, and Chromium without a window looks at its page.

start    from the command to the page, and to LeNet-5's answer on it; the browser runs already
draw     from a move of the pointer (its own time stamp) to the frame with all maps and bars of an answer that knows of it
card     from the change of the address to the last change of the page: of units not asked before, and of the same again
slide    frames a second while the kernel is dragged over 28x28, and over 224x224 of a net that is taught first; the tail is
         the slowest twentieth
clients  a process of its own that draws with many pens: each sends its strokes as the page does, the next once the last is
         answered, at most sixty times a second
weight   bytes of all files of the page, all views opened, as they are sent (packed)

Prints n, median and 95th percentile beside what the page must reach; exits with 1 where one is missed. Both cores should be
idle: a browser without a graphics card paints on them too.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import itertools
import json
import multiprocessing
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from PIL import Image, ImageDraw

from convscope.training.account import machine

PROGRAM = "from convscope.cli.app import main; main()"
COMMAND = [sys.executable, "-c", PROGRAM, "lab", "--no-browser", "--json", "--port", "0"]
LARGE = "input 3x224x224; C1 conv 8 5x5 padding=2 | relu; S2 max 8x8; OUT linear 2"
SIDE = 112
QUIET = 0.4
"""Seconds without any change after which the page is taken to be done."""

# Runs in the page before its own code. It notes of each answer which moves of the pointer its question knew of, and when the
# frame with it was shown; and the last time that anything on the page changed.
WATCH = """
(() => {
  const watch = (window.watch = { drawn: [], changed: 0, frames: [] });
  let moves = [], here = [], due = false;
  const afterFrame = (painted) => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => {
      for (const at of painted) watch.drawn.push(performance.now() - at);
    };
    channel.port2.postMessage(0);
  };
  addEventListener("pointerrawupdate", (event) => event.buttons && moves.push(event.timeStamp), true);
  const fetched = window.fetch;
  window.fetch = async (...asked) => {
    const flight = String(asked[0]).includes("/say") ? moves.splice(0) : [];
    const answer = await fetched(...asked);
    const whole = answer.arrayBuffer.bind(answer);
    answer.arrayBuffer = () => whole().then((content) => (here.push(...flight), content));
    return answer;
  };
  const put = CanvasRenderingContext2D.prototype.putImageData;
  CanvasRenderingContext2D.prototype.putImageData = function (...what) {
    put.apply(this, what);
    watch.changed = performance.now();
    if (due || !here.length) return;
    due = true;
    requestAnimationFrame(() => {
      due = false;
      afterFrame(here.splice(0));
    });
  };
  const changed = () => (watch.changed = performance.now());
  addEventListener("load", changed, true);
  new MutationObserver(changed).observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
  const frame = (at) => { watch.frames.push(at); requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
})();
"""


@dataclass(frozen=True)
class Row:
    """What was measured, all values in one unit, and what is to be reached: at most, or with `least` at least, that."""

    what: str
    values: list[float]
    unit: str
    wanted: float
    by: str = "median"
    least: bool = False

    def line(self) -> tuple[str, bool]:
        """The row of the table, and whether it was reached."""
        middle, tail = (
            statistics.median(self.values),
            float(np.percentile(self.values, 5 if self.least else 95)),
        )
        got = middle if self.by == "median" else tail
        fine = got >= self.wanted if self.least else got <= self.wanted
        wanted = f"{self.by} {'≥' if self.least else '≤'} {self.wanted:g} {self.unit}"
        numbers = f"{len(self.values):>6} {middle:>9.1f} {tail:>9.1f}"
        return f"{self.what:<46} {numbers}  {wanted:<22} {'' if fine else 'missed'}", fine


@contextlib.contextmanager
def lab(*, large: bool = False) -> Iterator[tuple[str, float]]:
    """The command in a folder of its own, with a net of `large` pictures if asked: its link, and when it was started."""
    with tempfile.TemporaryDirectory() as folder:
        if large:
            teach_large(Path(folder))
        began = time.perf_counter()
        process = subprocess.Popen(
            COMMAND, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=folder, text=True
        )
        try:
            assert process.stdout
            yield json.loads(process.stdout.readline())["link"], began
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(20)


def teach_large(folder: Path) -> None:
    """A Run `large` of a small net of 224x224, which has seen a few pictures of noise: how it looks does not matter here."""
    rng = np.random.default_rng(0)
    for n in range(16):
        path = folder / "photos" / "ab"[n % 2] / f"{n}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (224, 224, 3), np.uint8)).save(path)
    command = [
        *COMMAND[:3],
        "train",
        "photos",
        "--net",
        LARGE,
        "--size",
        "224",
        "--epochs",
        "1",
        "--no-report",
    ]
    subprocess.run([*command, "--out", "runs/large"], check=True, cwd=folder, capture_output=True)


def opened(browser: Any, link: str, place: str) -> Any:
    """A page at a place, once the network has answered."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.add_init_script(WATCH)
    page.goto(f"{link}{place}")
    page.wait_for_selector("#strip .answer", timeout=60_000)
    settled(page)
    return page


def settled(page: Any) -> float:
    """Wait until the page has been quiet for a while; the time of the last change, in the page's milliseconds."""
    while page.evaluate("performance.now() - watch.changed") < 1000 * QUIET:
        time.sleep(0.05)
    return page.evaluate("watch.changed")


def start(browser: Any, rounds: int) -> list[Row]:
    there, usable = [], []
    for _ in range(rounds):
        page = browser.new_page()
        with lab() as (link, began):
            page.goto(link, wait_until="commit")
            page.wait_for_selector("#view p, #view .view")
            there.append(time.perf_counter() - began)
            page.wait_for_selector("#strip .answer", timeout=60_000)
            usable.append(time.perf_counter() - began)
            page.close()
    return [Row("command to the page", there, "s", 1), Row("command to LeNet-5's answer", usable, "s", 4)]


def strokes(rng: np.random.Generator) -> np.ndarray:
    """The way of a pen that writes some digit, points [n, 2] of 0..1."""
    corners = rng.uniform(0.15, 0.85, (int(rng.integers(3, 6)), 2))
    at = np.linspace(0, len(corners) - 1, 60)
    return np.stack([np.interp(at, range(len(corners)), corners[:, axis]) for axis in (0, 1)], -1)


def draw(browser: Any, link: str, rounds: int) -> list[Row]:
    page = opened(browser, link, "#/lenet5/draw?picture=test/0")
    box = page.locator(".board").bounding_box()
    rng = np.random.default_rng(0)
    page.evaluate("watch.drawn.length = 0")
    for _ in range(2 * rounds):
        page.get_by_role("button", name="Clear").click()
        way = [(box["x"] + box["width"] * x, box["y"] + box["height"] * y) for x, y in strokes(rng)]
        page.mouse.move(*way[0])
        page.mouse.down()
        for place in way[1:]:
            page.mouse.move(*place)
            time.sleep(1 / 60)
        page.mouse.up()
        settled(page)
    times = page.evaluate("watch.drawn")
    page.close()
    return [Row("pointer to all maps and bars", times, "ms", 50, "95th")]


def card(browser: Any, link: str, rounds: int) -> list[Row]:
    page = opened(browser, link, "#/lenet5/draw?picture=test/0")
    first, again = [], []
    for times in (first, again):
        for unit in [f"C3/{n}" for n in range(min(16, 2 * rounds))]:
            page.evaluate("location.hash = '#/lenet5/draw?picture=test/0'")
            settled(page)
            began = page.evaluate(f"(location.hash = '#/lenet5/{unit}?picture=test/0', performance.now())")
            page.wait_for_selector(".view.units")
            times.append(settled(page) - began)
    page.close()
    return [Row("a card, first", first, "ms", 300, "95th"), Row("a card, again", again, "ms", 50, "95th")]


def slide(browser: Any, link: str, run: str, size: int, wanted: float) -> list[Row]:
    page = opened(browser, link, f"#/{run}/slide?unit=C1/0&picture=test/0")
    boxes = [canvas.bounding_box() for canvas in page.locator("#view canvas").all() if canvas.is_visible()]
    box = max(boxes, key=lambda one: one["width"] * one["height"])
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.evaluate("watch.frames.length = 0")
    for n in range(300):
        across, down = 0.5 + 0.4 * np.sin(n / 15), 0.5 + 0.4 * np.cos(n / 23)
        page.mouse.move(box["x"] + box["width"] * across, box["y"] + box["height"] * down)
    page.mouse.up()
    rates = [1000 / max(1.0, each) for each in np.diff(page.evaluate("watch.frames"))]
    page.close()
    return [Row(f"frames while dragging in Slide, {size}x{size}", rates, "1/s", wanted, least=True)]


def pen(host: str, port: int, seconds: float, seed: int, times: list[float], errors: list[str]) -> None:
    """One client: draws, and waits for each answer."""
    rng = np.random.default_rng(seed)
    connection = http.client.HTTPConnection(host, port, timeout=30)
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        way = [(SIDE * x, SIDE * y) for x, y in strokes(rng)]
        board = Image.new("L", (SIDE, SIDE))
        paper = ImageDraw.Draw(board)
        for before, after in itertools.pairwise(way):
            paper.line([before, after], fill=255, width=10)
            body, began = board.tobytes(), time.perf_counter()
            try:
                connection.request("POST", f"/api/runs/lenet5/say?width={SIDE}&height={SIDE}", body)
                answer = connection.getresponse()
                content = answer.read()
                if answer.status != 200:
                    errors.append(f"{answer.status} {content[:100]!r}")
            except (OSError, http.client.HTTPException) as error:
                errors.append(repr(error))
                connection.close()
            now = time.perf_counter()
            times.append(1000 * (now - began))
            if now > until:
                break
            time.sleep(max(0.0, 1 / 60 - (now - began)))
    connection.close()


def pens(host: str, port: int, seconds: float, clients: int, told: Any) -> None:
    times: list[float] = []
    errors: list[str] = []
    threads = [
        threading.Thread(target=pen, args=(host, port, seconds, seed, times, errors))
        for seed in range(clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told.put((times, errors))


def many(link: str, seconds: float, clients: int) -> list[Row]:
    where = urlsplit(link)
    method = multiprocessing.get_context("spawn")
    told = method.Queue()
    process = method.Process(target=pens, args=(where.hostname, where.port, seconds, clients, told))
    process.start()
    times, errors = told.get()
    process.join()
    print(
        f"{clients} clients: {len(times) / seconds:.0f} answers a second, {len(errors)} errors {errors[:2] or ''}"
    )
    return [
        Row(f"{clients} clients drawing for {seconds:g} s", times, "ms", 250, "95th"),
        Row("errors among them", [float(len(errors))], "", 0),
    ]


def weight(browser: Any, link: str) -> list[Row]:
    page = opened(browser, link, "")
    for view in page.locator("#menu a").all():
        view.click()
        page.wait_for_load_state("networkidle")
    sizes = page.evaluate(
        "[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]"
        ".filter((one) => !one.name.includes('/api/')).map((one) => one.encodedBodySize)"
    )
    page.close()
    return [Row("weight of the page", [sum(sizes) / 1000], "kB", 400)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--only", nargs="*", default=["start", "draw", "card", "slide", "clients", "weight"])
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    print(
        f"{machine('torch')}; numpy {np.__version__}, uvicorn {version('uvicorn')}, FastAPI {version('fastapi')}"
    )
    rows: list[Row] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        print(f"Chromium {browser.version}; {options.rounds} rounds\n")
        if "start" in options.only:
            rows += start(browser, options.rounds)
        with lab(large="slide" in options.only) as (link, _):
            views = [
                entry.get_attribute("data-view")
                for entry in opened(browser, link, "").locator("#menu a").all()
            ]
            if "draw" in options.only:
                rows += draw(browser, link, options.rounds)
            if "card" in options.only and "units" in views:
                rows += card(browser, link, options.rounds)
            if "slide" in options.only and "slide" in views:
                rows += slide(browser, link, "lenet5", 28, 58) + slide(browser, link, "large", 224, 30)
            if "weight" in options.only:
                rows += weight(browser, link)
            if "clients" in options.only:
                rows += many(link, options.seconds, options.clients)
        browser.close()
    print(f"\n{'':<46} {'n':>6} {'median':>9} {'95th':>9}  to be reached")
    fine = True
    for row in rows:
        line, reached = row.line()
        print(line)
        fine &= reached
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
