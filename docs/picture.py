"""Makes the README's pictures from a Run of LeNet-5: its first layer, and the card of a unit (needs Chromium).

python docs/picture.py runs/1
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

import convscope as cs
from convscope.inspect.look import look
from convscope.report.look import write_look

PICTURES = Path(__file__).parent / "pictures"


def main(name: str) -> None:
    run, digits = cs.Run(name), cs.images("mnist")
    PICTURES.mkdir(exist_ok=True)
    with sync_playwright() as tool, tempfile.TemporaryDirectory() as folder:
        browser = tool.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1100, "height": 900}, color_scheme="light")
        take(page, (run.path / "report.html").resolve(), "#learned", "kernels.png")
        seen = look(run, digits.test.pixels[0], images=digits, layer="C1", methods=())
        take(page, write_look(seen, Path(folder) / "look.html"), ".unit[open]", "card.png")
        browser.close()


def take(page: Page, path: Path, part: str, picture: str) -> None:
    """A part of a page as a picture."""
    page.goto(path.as_uri())
    page.locator(part).first.screenshot(path=PICTURES / picture)


if __name__ == "__main__":
    main(sys.argv[1])
