"""Asking a server all that its description allows, and what it does not: schemathesis, with names that are there.

Random text is hardly ever a Run's name, so most parts of an address are replaced by ones that mean something, and most bodies
of the prediction service by pictures. `python tests/fuzzing.py lab|serve [MINUTES]` goes on for as long as is given.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import sys
import tempfile
import time
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from PIL import Image
from schemathesis import GenerationMode

from convscope.lab.shelf import PACKAGED_FOLDER

UNITS = [
    "C1/0",
    "C1/3",
    "C3/5",
    "C3/0",
    "C1/1",
    "C5/0",
    "C5/37",
    "F6/1",
    "OUT/0",
    "C1/99",
    "S2/0",
    "C1",
    "conv1/0",
]
HINTS: dict[str, list[Any]] = {
    "run": ["lenet5", "lenet5", "lenet5", "1", "1", "2", "3", "half", "nowhere"],
    "picture": ["test/0", "test/3", "test/17", "train/3", "test/0", "test/10000", "kept/0"],
    "unit": UNITS,
    "units": ["C1/0,C1/1", "C3/5", 4, 24],
    "layer": ["C1", "C1", "C3", "C3", "S2", "C5", "F6", "OUT", "C9"],
    "ops": ["", "", "", "", "mute:C1/3", "scale:C3/5:2", "swap:C1/0:C1/1", "edit:C1/0:" + ",".join(["0.5"] * 25), "mute:F6/0", "scale:C1/0:1e30"],
    "epoch": [None, None, 0, 3, 12, 99],
    "number": [0, 1, 99],
    "width": [1, 28, 112], "height": [1, 28, 112],
    "target": ["7", "0", 3, 99],
    "runs": ["lenet5", "1", "1,2", "lenet5,1,2,half"],
    "source": ["photos", "photos.zip", "mnist", "nowhere"],
    "net": ["lenet5", "lenet5-modern", "input 1x12x12\nC conv 4 3x3\nR relu\nO linear 2", "x"],
    "text": ["input 1x12x12\nC conv 4 3x3\nR relu\nO linear 2", "input 3x8x8\nA conv 2 9x9", "x"],
    "recipe": ["lenet5", "quick", "own", "x"],
}  # fmt: skip
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
]


@dataclass
class Found:
    """What came of it: how often was asked and answered with what, and every fault once."""

    asked: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    faults: dict[str, str] = field(default_factory=dict)


def ground(home: Path) -> None:
    """Runs to ask about: a whole one, one to be deleted, a damaged one and half of one; and a few pictures to learn."""
    for name in ("1", "2", "3", "half"):
        shutil.copytree(PACKAGED_FOLDER, home / name)
    (home / "3" / "weights.safetensors").write_bytes(b"no")
    (home / "half" / "weights.safetensors").unlink()
    (home / "half" / "metrics.jsonl").write_text("")
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(home.parent / "photos.zip", "w") as packed:
        for name in ("cat", "dog"):
            folder = home.parent / "photos" / name
            folder.mkdir(parents=True)
            for n in range(6):
                file = io.BytesIO()
                Image.fromarray(rng.integers(0, 256, (12, 12), np.uint8)).save(file, "PNG")
                (folder / f"{n}.png").write_bytes(file.getvalue())
                packed.writestr(f"{name}/{n}.png", file.getvalue())


def fuzz(app: Any, *, examples: int, until: float, start: int, where: str = "/api/openapi.json") -> Found:
    """Ask each operation so often, with this seed; after `until` (as time.monotonic says) no further one is begun."""
    found = Found()
    schema = schemathesis.openapi.from_asgi(where, app)
    checks = [check for name in CHECKS for check in schemathesis.checks.CHECKS.get_by_names([name])]
    for said in schema.get_all_operations():
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            count = examples if mode == GenerationMode.POSITIVE else max(1, examples // 4)
            if time.monotonic() < until:
                _ask(said.ok(), mode, found, checks, count, start, until)
    return found


def _ask(
    operation: Any,
    mode: GenerationMode,
    found: Found,
    checks: list[Any],
    examples: int,
    start: int,
    until: float,
) -> None:
    label = operation.label

    @seed(start)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), data=st.data())
    def ask(case: Any, data: Any) -> None:
        for part in (case.path_parameters, case.query, case.body):
            _hinted(part, data, HINTS if mode == GenerationMode.POSITIVE else {"run": HINTS["run"]})
        if "width" in (case.query or {}) and data.draw(st.booleans()):  # a drawing that has its size
            case.query.update(width=28, height=28)
            case.body = bytes(range(256)) * 3 + bytes(16)
        if time.monotonic() > until:
            return
        found.asked += 1
        try:
            answer = case.call()
        except Exception as error:  # the fault itself comes through, as it would go to the terminal
            found.faults.setdefault(f"{label}: {type(error).__name__}", f"{error} from {_said(case)}"[:600])
            return
        found.answers[f"{label} {answer.status_code}"] += 1
        try:
            case.validate_response(answer, checks=checks)
        except Exception as wrong:
            found.faults.setdefault(
                f"{label}: {type(wrong).__name__} {answer.status_code}", f"{wrong} from {_said(case)}"[:1500]
            )

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with contextlib.suppress(Unsatisfiable):  # what takes nothing cannot be asked wrongly
            ask()


def _hinted(part: Any, data: Any, hints: dict[str, list[Any]]) -> None:
    if not isinstance(part, dict):
        return
    for name in [name for name in part if name in hints]:
        if data.draw(
            st.integers(0, 7)
        ):  # seven of eight: a question has many parts, and each of them may be refused
            part[name] = data.draw(st.sampled_from(hints[name]))
            if part[name] is None:
                del part[name]


def _said(case: Any) -> str:
    return f"{case.method} {case.path} {case.path_parameters} {case.query} {str(case.body)[:200]}"


def the_lab(home: Path) -> tuple[Any, Callable[[], None], str]:
    """The page's server over Runs of its own: the app, what ends it, and where its description is."""
    from convscope.lab.app import make_app
    from convscope.lab.desk import Desk
    from convscope.lab.shelf import Shelf

    ground(home / "runs")
    desk = Desk(Shelf(home / "runs"))
    desk._warm()
    return make_app(desk), desk.close, "/api/openapi.json"


def the_service(_home: Path) -> tuple[Any, Callable[[], None], str]:
    """The prediction service of the packaged Run, likewise."""
    from convscope.runs import Run
    from convscope.serving.app import make_app
    from convscope.serving.service import Limits, Service

    service = Service(Run(PACKAGED_FOLDER), Limits(pictures=5, bytes=300_000))
    return make_app(service, frozenset({"testserver"})), service.close, "/openapi.json"


def main() -> None:
    name, minutes = sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 10.0
    began = time.monotonic()
    until = began + 60 * minutes
    total = Found()
    with tempfile.TemporaryDirectory() as home:
        os.environ["CONVSCOPE_CACHE"] = f"{home}/cache"
        os.chdir(home)
        app, close, where = {"lab": the_lab, "serve": the_service}[name](Path(home))
        start = 0
        while time.monotonic() < until:
            start += 1
            found = fuzz(app, examples=40, until=until, start=start, where=where)
            total.asked += found.asked
            total.answers.update(found.answers)
            total.faults = {**found.faults, **total.faults}
        close()
    by_status = Counter(label.rpartition(" ")[2] for label in total.answers.elements())
    sys.stdout.write(
        f"{name}: {total.asked:,} requests in {time.monotonic() - began:,.0f} s, {dict(by_status)}, {len(total.faults)} faults\n"
    )
    for key, words in total.faults.items():
        sys.stdout.write(f"  {key}: {words}\n")
    sys.exit(bool(total.faults))


if __name__ == "__main__":
    main()
