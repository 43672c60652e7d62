"""A Run taken elsewhere: ONNX with its preparation inside, PyTorch's exported program, ONNX in 8 bits."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convscope.errors import ExportError

if TYPE_CHECKING:
    from convscope.data.images import Images
    from convscope.runs import Run

FORMATS = {
    "onnx": "one file for any ONNX runtime, preparation of pictures inside; checked by onnxruntime",
    "int8": "the same with convolutions and linear layers in 8 bits; the loss is measured on the test pictures",
    "torch": "PyTorch's exported program (.pt2): pictures of the net's own size in, probabilities out",
}
"""What `export` writes, by name."""


@dataclass(frozen=True)
class Exported:
    """What was written: the `folder`, its `model` file, what the check `found`, and `said` of it in words."""

    folder: Path
    model: Path
    found: dict[str, Any]
    said: tuple[str, ...]


def export(
    run: Run,
    folder: str | Path,
    *,
    format: str = "onnx",
    dense: bool = False,
    images: Images | None = None,
) -> Exported:
    """Write a Run's net for other programs, into a folder of its own with labels and examples.

    `format` is one of `FORMATS`. `int8` wants the Run's pictures: those of `images`, or, without it, from where the Run
    had them. With `dense` the net is also written for pages of any size, as dense.onnx: see `exporting.dense`.
    The model is asked beside PyTorch before anything is written, and nothing is where they differ.

    Raises:
        ExportError: A layer cannot be written, the answers differ, or what is needed is not installed.
        RunError: The Run's weights are missing or damaged.
        SourceError: The pictures for `int8` are not to be had.

    >>> import convscope as cs
    >>> cs.export(cs.Run("runs/1"), "digits-onnx").model  # doctest: +SKIP
    PosixPath('digits-onnx/model.onnx')
    """
    from convscope.exporting import folder as files

    if format not in FORMATS:
        raise ExportError(f"there is no format {format!r} to export; there are {', '.join(FORMATS)}")
    place, name = Path(folder), str(run.info.get("net", "a net"))
    if dense and format != "onnx":
        raise ExportError(f"dense goes with the format onnx, not with {format}")
    if format == "torch":
        return _torch(run, place)
    from convscope.exporting.check import checked
    from convscope.exporting.graph import needs_onnx

    needs_onnx()
    model, difference = checked(run)
    found, said = difference.as_dict(), [difference.said]
    if format == "int8":
        model, loss = _small(run, model, images)
        found["int8"] = asdict(loss)
        said.append(loss.said)
    more = {}
    if dense:
        from convscope.exporting.dense import dense_of

        more["dense.onnx"], found["dense"] = dense_of(run)
        said.append(_said_dense(found["dense"]))
    beside = files.around(run, name, found, "\n".join(f"{line}." for line in said))
    files.write(place, {"model.onnx": model, **more, **beside})
    return Exported(place, place / "model.onnx", found, tuple(said))


def _said_dense(found: dict[str, Any]) -> str:
    (height, width), (down, right) = found["window"], found["stride"]
    return (
        f"dense.onnx, for pages of any size: windows of {width}x{height}, {right} pixels apart across and {down} down; "
        f"{found['places']} places asked beside PyTorch: probabilities differ by at most {found['probability']:.1g}"
    )


def _small(run: Run, model: bytes, images: Images | None) -> tuple[bytes, Any]:
    from convscope.data.images import images_again
    from convscope.exporting.quantise import quantised

    return quantised(model, images_again(run.info) if images is None else images)


def _torch(run: Run, place: Path) -> Exported:
    from convscope.exporting import folder as files
    from convscope.exporting.torch_format import program_of

    program, found = program_of(run)
    said = f"{found['pictures']} pictures asked: probabilities differ by at most {found['probability']:.1g}"
    files.write(place, {"model.pt2": program, **files.beside_program(run, found)})
    return Exported(place, place / "model.pt2", found, (said,))
