"""What tests share: a small set of pictures that a net can learn in a second."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from javascript import absent

from convscope.data.images import Images, Pictures


def bars(n: int, seed: int) -> Pictures:
    """Noisy 12x12 pictures with a bar: horizontal (class 0), vertical (class 1) or none (class 2)."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)
    pixels = rng.integers(0, 60, (n, 1, 12, 12))
    places = rng.integers(2, 10, n)
    for picture, label, place in zip(pixels, labels, places, strict=True):
        if label == 0:
            picture[0, place] += 180
        elif label == 1:
            picture[0, :, place] += 180
    return Pictures(pixels.astype(np.uint8), labels.astype(np.int64))


@pytest.fixture(scope="session")
def bar_images() -> Images:
    return Images("bars", ("across", "down", "none"), bars(600, 0), bars(200, 1), (), "bars-1")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Debian's Chromium, driven by Playwright; its camera shows a test picture."""
    path = shutil.which("chromium")
    if path is None:
        absent("pages are looked at with Chromium, and there is none: install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        camera = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", *camera])
        yield browser
        browser.close()


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    """Each test runs in an empty folder of its own, so none leaves a Run behind."""
    monkeypatch.chdir(tmp_path)
