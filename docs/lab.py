"""Pictures of the page, as Chromium draws it: python docs/lab.py [VIEW ...]

One of each view into docs/pictures/lab/, and a short animation of a seven that is drawn, docs/pictures/lab.gif. They are
looked at by people, not compared by tests: another version of a browser draws other pixels.
"""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

PICTURES = Path(__file__).parent / "pictures"
WIDE, PHONE = (1280, 800), (390, 844)
PLACES = {
    "draw": "#/lenet5/draw?picture=test/0",
    "slide": "#/lenet5/slide?unit=C3/5&picture=test/0&at=4,4",
    "paper": "#/lenet5/paper?picture=test/0&sheet=sobel_y&sheet2=C1/3",
    "pad": "#/lenet5/pad?picture=test/0&change=C1:padding=2",
    "units": "#/lenet5/units?layer=C1&picture=test/0",
    "card": "#/lenet5/C3/5?picture=test/0",
    "train": "#/lenet5/train",
    "compare": "#/lenet5/compare",
    "runs": "#/lenet5/runs",
    "tour": "#/lenet5/units?layer=C1&picture=test/0&epoch=0&tour=5",
}
SEVEN = [(0.24, 0.24), (0.5, 0.22), (0.74, 0.25), (0.64, 0.45), (0.54, 0.62), (0.46, 0.84)]


def main() -> None:
    wanted = sys.argv[1:] or [*PLACES, "phone", "dark", "animation"]
    (PICTURES / "lab").mkdir(parents=True, exist_ok=True)
    with served() as link, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name in wanted:
            if name == "animation":
                animate(browser, link)
            elif name == "phone":
                shot(browser, f"{link}{PLACES['draw']}", "phone", PHONE)
            elif name == "dark":
                shot(browser, f"{link}{PLACES['draw']}", "dark", WIDE, dark=True)
            else:
                shot(browser, f"{link}{PLACES[name]}", name, WIDE)
        browser.close()


@contextmanager
def served() -> Iterator[str]:
    """The page, served from a folder without Runs."""
    command = [sys.executable, "-m", "convscope", "lab", "--no-browser", "--json", "--port", "0"]
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["link"]
        finally:
            process.terminate()
            process.wait()


def opened(browser: Browser, address: str, size: tuple[int, int], dark: bool = False) -> Page:
    """A place, drawn."""
    scheme = "dark" if dark else "light"
    page = browser.new_page(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
    page.goto(address)
    page.wait_for_selector("#strip a")
    page.wait_for_timeout(3000)
    return page


def shot(browser: Browser, address: str, name: str, size: tuple[int, int], dark: bool = False) -> None:
    """One picture of a place."""
    page = opened(browser, address, size, dark)
    image = Image.open(io.BytesIO(page.screenshot()))
    image.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(
        PICTURES / "lab" / f"{name}.png", optimize=True
    )
    page.close()


def animate(browser: Browser, link: str) -> None:
    """A seven, drawn by hand, while the network lights up."""
    page = opened(browser, f"{link}#/lenet5/draw?picture=test/1", (1360, 800))
    page.get_by_role("button", name="Clear").click()
    page.wait_for_timeout(500)
    box = page.locator(".board").bounding_box()
    assert box is not None
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in SEVEN]
    frames = [page.screenshot()]
    page.mouse.move(*points[0])
    page.mouse.down()
    for start, end in pairwise(points):
        for part in (0.33, 0.67, 1.0):
            page.mouse.move(*(a + part * (b - a) for a, b in zip(start, end, strict=True)))
            page.wait_for_timeout(120)
            frames.append(page.screenshot())
    page.mouse.up()
    page.wait_for_timeout(1200)
    frames.append(page.screenshot())
    page.close()
    images = [
        Image.open(io.BytesIO(frame)).convert("RGB").resize((1020, 600), Image.Resampling.LANCZOS)
        for frame in frames
    ]
    palette = images[-1].quantize(64)
    still = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
    length = [400, *[120] * (len(still) - 2), 3000]
    still[0].save(
        PICTURES / "lab.gif", save_all=True, append_images=still[1:], duration=length, loop=0, optimize=True
    )


if __name__ == "__main__":
    main()
