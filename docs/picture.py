"""Makes the README's picture from a Run's report: what its first layer learned (needs Chromium).

python docs/picture.py runs/1
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from convscope.runs import Run

PICTURE = Path(__file__).parent / "pictures" / "kernels.png"


def main(run: str) -> None:
    report = (Run(run).path / "report.html").resolve()
    with sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1100, "height": 900}, color_scheme="light")
        page.goto(report.as_uri())
        PICTURE.parent.mkdir(exist_ok=True)
        page.locator("#learned").screenshot(path=PICTURE)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1])
