"""Runs whose nets were never taught: what they say is nothing, but it must be the same everywhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from convscope.nets.build import build
from convscope.nets.stack import Stack
from convscope.runs import Run, Writer


@pytest.fixture
def run_of(tmp_path: Path) -> Callable[..., Run]:
    """Makes a Run of a Stack; `fit` as for a user's own pictures, else a named source with its `background`."""

    def made(
        stack: Stack,
        fit: str | None = None,
        *,
        source: str = "photos",
        background: int | None = None,
        views: str = "plain",
        picture: tuple[int, int, int] | None = None,
    ) -> Run:
        folder = tmp_path / f"run{len(list(tmp_path.iterdir()))}"
        channels = stack.input.shape[0]
        rule = {"scale": [1 / 60] * channels, "shift": [-2.0] * channels}
        with Writer(folder) as writer:
            writer.text("stack.txt", f"{stack}\n")
            writer.json("recipe.json", {"views": views})
            writer.json(
                "run.json",
                {
                    "format": 1,
                    "net": "untaught",
                    "source": source,
                    "classes": [f"class {n}" for n in range(stack.outputs)],
                    "input": list(stack.input.shape),
                    "picture_shape": list(picture or stack.input.shape),
                    "normalisation": rule,
                    "background": background,
                    "prepared": {"fit": fit} if fit else {},
                },
            )
            net = build(stack).eval()
            writer.arrays("weights.safetensors", {k: v.numpy() for k, v in net.state_dict().items()})
        return Run(folder)

    return made
