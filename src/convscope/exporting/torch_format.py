"""A Run as PyTorch's own exported program (.pt2): for whoever has PyTorch, but not convscope."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from convscope.errors import ExportError
from convscope.exporting.preparation import preparation_of
from convscope.nets.answers import averaged, probabilities
from convscope.nets.views import VIEWS, View
from convscope.runs import Run

FURTHEST = 1e-4
"""How far the program's probabilities may be from the net's."""


class Whole(nn.Module):
    """Pictures of the Run's own size, uint8 [n, channels, rows, columns] -> class probabilities [n, classes].

    Normalisation and views are inside; bringing a picture to that size is not.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, run: Run):
        super().__init__()
        self.net, self.stack = run.net(), run.stack
        self.wanted = VIEWS[run.recipe.get("views", "plain")]
        self.whole = preparation_of(run).shape[1:]
        rule = run.info["normalisation"]
        for name in ("scale", "shift"):
            self.register_buffer(name, torch.tensor(rule[name], dtype=torch.float32)[:, None, None])

    def forward(self, pictures: UInt8[Tensor, "n c y x"]) -> Float[Tensor, "n k"]:
        answers = [
            self.net(self._shown(pictures, view) * self.scale + self.shift) for view in self.wanted.views
        ]
        return probabilities(self.stack, averaged(self.stack, torch.stack(answers), self.wanted.averaged))

    def _shown(self, pictures: Tensor, view: View) -> Tensor:
        size = self.stack.input.shape[1:]
        (top, left), (height, width) = view.corner(self.whole, (size[0], size[1])), self.whole
        after = [
            first + seen - have for first, seen, have in zip((top, left), size, (height, width), strict=True)
        ]
        shown = nn.functional.pad(pictures, (-left, after[1], -top, after[0]))  # what is negative is cut
        return shown.flip(3) if view.mirrored else shown


def program_of(run: Run) -> tuple[bytes, dict[str, Any]]:
    """The Run as an exported program for any number of pictures, and how far its probabilities are from the net's.

    Raises:
        ExportError: PyTorch cannot export a layer, or its program does not say the same.
    """
    whole = Whole(run).eval().requires_grad_(False)
    rng = np.random.default_rng(0)
    asked = torch.from_numpy(rng.integers(0, 256, (5, *preparation_of(run).shape), dtype=np.uint8))
    try:
        program = torch.export.export(whole, (asked[:2],), dynamic_shapes=({0: torch.export.Dim("n")},))
    except Exception as error:  # it fails in as many ways as there are layers
        reason = " ".join(str(error).split())[:300]
        raise ExportError(
            f"{run.path}: torch.export cannot take this net ({reason}); take --format onnx"
        ) from None
    held = io.BytesIO()
    torch.export.save(program, held)
    held.seek(0)
    again = torch.export.load(held).module()
    with torch.no_grad():
        apart = max(float((again(asked[:n]) - whole(asked[:n])).abs().max()) for n in (1, 2, 5))
    if not apart <= FURTHEST:
        raise ExportError(
            f"{run.path}: the exported program's probabilities differ by {apart:.1g}, so none was written; "
            "take --format onnx"
        )
    return held.getvalue(), {"pictures": 8, "probability": apart}
