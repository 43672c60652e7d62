"""The widget: its numbers are the library's, and what the page draws of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import convscope as cs
from convscope.errors import GeometryError, KernelError
from convscope.notebook import SlidingTrace, scene_of

SOURCE = Path(cs.__file__).parent / "notebook"


def test_every_place_holds_what_trace_says():
    random = np.random.default_rng(0)
    picture, kernel = random.random((2, 7, 6)), random.standard_normal((2, 3, 2))
    scene = scene_of(picture, kernel, padding=1, bias=0.5)
    expected = cs.convolve(picture, kernel, padding=1, bias=0.5)
    assert scene["size"] == list(expected.shape) and np.allclose(scene["map"], expected.ravel())
    found = cs.trace(picture, kernel, at=(2, 3), padding=1, bias=0.5)
    place = 2 * scene["size"][1] + 3
    assert (
        scene["products"][place] == found.products.ravel().tolist()
        and scene["rows"][place] == found.rows.tolist()
    )
    assert json.loads(json.dumps(scene)) == scene


def test_a_place_stays_inside_and_can_be_set():
    slide = SlidingTrace(np.eye(5), np.ones((2, 2)))
    slide.place = 99
    assert slide.place == 15


def test_what_cannot_be_shown_is_refused():
    with pytest.raises(KernelError, match="shows one kernel, which gives one map; these give 3"):
        SlidingTrace(np.zeros((3, 5, 5)), np.ones((3, 3)))
    with pytest.raises(GeometryError, match="too many to be shown one by one: take a smaller part"):
        SlidingTrace(np.zeros((1000, 1000)), np.ones((3, 3)))


def test_nan_is_none_in_the_scene():
    picture = np.zeros((3, 3))
    picture[0, 0] = np.nan
    assert scene_of(picture, np.ones((2, 2)))["map"] == [None, 0.0, 0.0, 0.0]


@pytest.fixture
def page(chromium: Any) -> Any:
    return chromium.new_page(viewport={"width": 900, "height": 800})


def test_the_page_draws_it_and_its_knobs_move_it(page: Any, tmp_path: Path):
    picture = np.arange(36.0).reshape(6, 6)
    scene = scene_of(picture, np.array([[1.0, -1], [0, 2]]))
    module = (SOURCE / "slide.js").read_text()
    (tmp_path / "page.html").write_text(
        f"""<!doctype html><style>{(SOURCE / "slide.css").read_text()}</style><div id=at></div><script type=module>
        {module.replace("export default { render };", "")}
        const kept = {{ scene: {json.dumps(scene)}, place: 0 }}, heard = [];
        window.kept = kept;
        render({{ el: document.getElementById("at"), model: {{
          get: (k) => kept[k], set: (k, v) => (kept[k] = v), save_changes: () => heard.forEach((f) => f()), on: (_, f) => heard.push(f) }} }});
        </script>"""
    )
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"file://{tmp_path / 'page.html'}")
    assert page.inner_text(".cs-line") == "row 0, column 0: 13.0"
    page.click("text=›")
    expected = cs.trace(picture, [[1, -1], [0, 2]], at=(0, 1)).sum
    assert page.inner_text(".cs-line").endswith(f": {expected:.1f}")
    box = page.locator("canvas").nth(1).bounding_box()
    page.mouse.click(box["x"] + box["width"] - 2, box["y"] + box["height"] - 2)
    assert page.evaluate("kept.place") == 24
    page.click("text=Play")
    page.wait_for_function("kept.place > 0 && kept.place < 24")
    page.click("text=Pause")
    assert page.locator(".cs-cells").count() == 3 and not errors
