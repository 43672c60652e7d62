"""The views of the page, each with a place that shows it: what each view is looked at by."""

from __future__ import annotations

import re

from convscope.lab.pages import STATIC

OF_THEIR_OWN = {"slide": "unit=C1/0&picture=test/0"}


def places() -> dict[str, str]:
    """View -> its link, of all views that are registered; and a unit's card."""
    listed = re.findall(r'\{ name: "(\w+)"', (STATIC / "views" / "index.js").read_text())
    found = {name: f"#/lenet5/{name}?{OF_THEIR_OWN.get(name, 'picture=test/0')}" for name in listed}
    if "units" in found:
        found["card"] = "#/lenet5/C3/5?picture=test/0"
    return found
