"""The folder around an exported model: what it is, its labels, its preparation, and two short programs that ask it."""

from __future__ import annotations

import inspect
import json
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

from convscope.data import fit, proportions, strokes
from convscope.data.decoders import FINER
from convscope.data.whole import write_whole
from convscope.errors import ExportError
from convscope.exporting.preparation import preparation_of
from convscope.runs import Run

ORT_WEB = "1.30.0"
"""The onnxruntime-web that the page was tried with."""


def described(run: Run, found: dict[str, Any]) -> dict[str, Any]:
    """What preprocessing.json says: the model's inputs and outputs, what is inside and outside, what the check found."""
    how = preparation_of(run)
    return {
        "input": {
            "name": "pictures",
            "dtype": "uint8",
            "layout": "n, height, width, 3 (red, green, blue)",
            "height": how.shape[1] if how.fixed else "any",
            "width": how.shape[2] if how.fixed else "any",
        },
        "outputs": {
            "probabilities": ["n", run.stack.outputs],
            "logits": ["n", run.stack.outputs],
        },
        "inside": list(how.inside),
        "outside": list(how.outside),
        "brought_to": list(how.shape),
        "normalisation": run.info["normalisation"],
        "checked": found,
    }


def around(run: Run, name: str, found: dict[str, Any], said: str) -> dict[str, bytes]:
    """The files that go beside model.onnx, by name; `said` is what the check found, in words."""
    how = preparation_of(run)
    near = FINER * max(how.shape[1:]) if how.own else 0
    ends = {"NAME": name, "CLASSES": str(len(run.classes)), "VERSION": _version(), "ORT": ORT_WEB, "CHECKED": said,
            "HEIGHT": str(how.shape[1] if how.fixed else "height"), "WIDTH": str(how.shape[2] if how.fixed else "width"),
            "INSIDE": _listed(how.inside), "OUTSIDE": _listed(how.outside)}  # fmt: skip
    script = _template("predict_drawn.py.txt" if how.fixed else "predict.py.txt")
    script = script.replace("SHAPE", str(how.shape)).replace("BACKGROUND", str(how.background))
    if near:
        script = script.replace("NEAR", f"({near}, {near})")
    else:
        script = "".join(line for line in script.splitlines(keepends=True) if "NEAR" not in line)
    drawn = {"prepare.py": _drawing().encode()} if how.fixed else {}
    return {
        **drawn,
        "labels.json": _json(list(run.classes)),
        "preprocessing.json": _json(described(run, found)),
        "predict.py": script.encode(),
        "index.html": _template("index.html").replace("NAME", _escaped(name)).encode(),
        "README.md": Template(_template("README.md.txt")).substitute(ends).encode(),
    }


def beside_program(run: Run, found: dict[str, Any]) -> dict[str, bytes]:
    """The files that go beside model.pt2, by name."""
    how = preparation_of(run)
    facts = {
        "input": {"dtype": "uint8", "layout": "n, channels, rows, columns", "shape": ["n", *how.shape]},
        "outputs": {"probabilities": ["n", run.stack.outputs]},
        "inside": ["laid under the net, normalised, class probabilities"],
        "outside": [*how.outside, *how.inside[:-1]],
        "checked": found,
    }
    words = {
        "SHAPE": ", ".join(map(str, how.shape)),
        "VERSION": _version(),
        "OUTSIDE": _listed(tuple(facts["outside"])),
    }
    text = Template(_template("README.torch.txt")).substitute(words)
    return {
        "labels.json": _json(list(run.classes)),
        "preprocessing.json": _json(facts),
        "README.md": text.encode(),
    }


def write(folder: Path, files: dict[str, bytes]) -> None:
    """Write files into a folder, each whole; the folder is made where it is not there.

    Raises:
        ExportError: It cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            write_whole(folder / name, data)
    except OSError as error:
        raise ExportError(f"{folder}: cannot be written ({error.strerror}); give another --out") from None


def _drawing() -> str:
    """How MNIST's digits were drawn, as a module that wants only numpy and Pillow: convscope's own, one after the other."""
    lines = [
        '"""A picture of a digit as MNIST would show it: `fit(picture, shape, background, centre=True)`."""'
    ]
    lines += ["from __future__ import annotations", ""]
    for module in (proportions, strokes, fit):
        body = inspect.getsource(module).partition("from __future__ import annotations\n")[2]
        lines += [
            line for line in body.splitlines() if not line.startswith(("from convscope", "from jaxtyping"))
        ]
    return "\n".join(lines) + "\n"


def _listed(said: tuple[str, ...]) -> str:
    return "\n".join(f"{n}. {line}" for n, line in enumerate(said, start=1))


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()


def _template(name: str) -> str:
    return resources.files("convscope.exporting").joinpath("folder_files", name).read_text(encoding="utf-8")


def _escaped(name: str) -> str:
    from html import escape

    return escape(name)


def _version() -> str:
    import convscope

    return convscope.__version__
