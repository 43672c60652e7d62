"""Every knob of a training, once: with its unit, its range, its default and its help.

The command line's flags, `recipe.json` and the docs' tables all derive from these fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from typing import Any

from convscope.errors import RecipeError, instead
from convscope.nets.views import VIEWS, Size


def number(default: Any, help: str, *, low: float = 0, high: float = 1e9, unit: str = "") -> Any:
    """A knob that is a number from `low` to `high`."""
    return field(default=default, metadata={"help": help, "low": low, "high": high, "unit": unit})


def choice(default: str, help: str, *names: str) -> Any:
    """A knob that is one of a few names."""
    return field(default=default, metadata={"help": help, "names": names, "unit": ""})


@dataclass(frozen=True)
class Recipe:
    """How a net is taught. Change a knob with `recipe.changed(epochs=3)`.

    Raises:
        RecipeError: A value is outside its range.

    >>> Recipe(epochs=3).batch
    128
    """

    epochs: int = number(12, "times the training pictures are seen", low=1, high=100_000)
    batch: int = number(128, "pictures a step", low=1, high=1_000_000, unit="pictures")
    optimizer: str = choice("adamw", "how gradients become steps", "sgd", "nesterov", "adamw")
    rate: float = number(0.002, "learning rate at its highest", low=1e-9, high=1e3)
    schedule: str = choice(
        "one-cycle",
        "the learning rate over the run",
        "one-cycle",
        "cosine",
        "linear",
        "constant",
        "lecun1998",
        "plateau",
    )
    patience: int = number(
        5,
        "epochs without a better validation before the rate is a tenth (plateau)",
        low=1,
        high=100_000,
        unit="epochs",
    )
    warmup: float = number(
        0.2, "part of the run in which the rate climbs (one-cycle, cosine, linear)", high=1
    )
    momentum: float = number(0.9, "how much of the last step is kept (sgd, nesterov)", high=0.9999)
    decay: float = number(0.0, "weight decay; of weights, not of biases", high=10)
    loss: str = choice(
        "auto",
        "what is made small: auto takes what fits the net's last layer",
        "auto", "cross-entropy", "squared", "distance", "discriminative",
    )  # fmt: skip
    smoothing: float = number(0.0, "label smoothing (cross-entropy)", high=0.99)
    rubbish: float = number(
        1.0, "j of eq. 9 of LeCun et al. 1998: e^-j is the rubbish class (discriminative)", high=1e3
    )
    average: float = number(
        0.0,
        "decay of the running mean of the weights that is kept as the net; 0 keeps the last",
        high=0.999999,
    )
    validation: float = number(
        0.0, "part of the training pictures kept aside to watch and to stop by", high=0.9
    )
    shift: float = number(0.0, "random shift, up to this many pixels each way", high=1000, unit="pixels")
    rotate: float = number(0.0, "random rotation, up to this each way", high=180, unit="degrees")
    scale: float = number(0.0, "random size, by up to this part more or less", high=0.9)
    squeeze: float = number(
        0.0, "random squeeze: wider by up to this part and lower by it, or the reverse", high=0.9
    )
    shear: float = number(0.0, "random horizontal shear, up to this many pixels a pixel", high=2)
    elastic: float = number(0.0, "random elastic distortion: typical displacement", high=100, unit="pixels")
    flip: float = number(0.0, "part of the pictures that are shown mirrored, left to right", high=1)
    crop: float = number(
        1.0,
        "side of the part that the net sees, at random in training, as a part of the picture's side",
        low=0.1,
        high=1,
    )
    pad: int = number(
        0, "random crop out of the picture with a border of so many pixels", high=1000, unit="pixels"
    )
    area: float = number(
        1.0, "random resized crop: the smallest part of the picture's area that is shown", low=0.01, high=1
    )
    ratio: float = number(
        4 / 3, "random resized crop: the most that a part is stretched, each way", low=1, high=10
    )
    outside: str = choice(
        "black", "what lies around a picture where more than it is shown", "black", "mirror"
    )
    brightness: float = number(0.0, "random brightness, by up to this part more or less", high=1)
    contrast: float = number(0.0, "random contrast, by up to this part more or less", high=1)
    saturation: float = number(0.0, "random saturation of colours, by up to this part more or less", high=1)
    hue: float = number(0.0, "random hue, up to this part of the colour circle each way", high=0.5)
    lighting: float = number(
        0.0,
        "random light along the principal components of the training pictures' colours; AlexNet's is 0.1",
        high=10,
    )
    erase: float = number(0.0, "part of the pictures in which a random rectangle is erased", high=1)
    cutout: int = number(
        0, "side of the square that is erased at a random place of each picture", high=1000, unit="pixels"
    )
    mixup: float = number(
        0.0,
        "two pictures and their labels are laid over each other, by shares of Beta(a, a); 0 does not",
        high=100,
    )
    cutmix: float = number(
        0.0,
        "a rectangle of a picture, and its label, is put into another, by areas of Beta(a, a); 0 does not",
        high=100,
    )
    calm: int = number(0, "last epochs of the run, without random changes", high=100_000, unit="epochs")
    views: str = choice(
        "plain",
        "what the trained net sees of a picture, its answers averaged: the picture; nine, moved by up to a pixel; it and "
        "its mirror image; or ten parts of a larger one, corners and middle, mirrored too",
        *VIEWS,
    )
    freeze: int = number(
        0, "layers with weights, from the picture up, that are kept as they are", high=1000, unit="layers"
    )
    layerwise: float = number(
        1.0, "learning rate of each layer, as a part of that of the layer above it", low=0.01, high=1
    )
    precision: str = choice(
        "auto",
        "of the products in training: bfloat16 is less exact and, where the machine has it, faster",
        "auto", "float32", "bfloat16",
    )  # fmt: skip
    engine: str = choice(
        "auto", "what computes: native is convscope's own for small nets on a CPU", "auto", "native", "torch"
    )

    def __post_init__(self) -> None:
        for knob in fields(self):
            _check(knob.name, getattr(self, knob.name), knob.metadata)

    def changed(self, **knobs: Any) -> Recipe:
        """The same recipe with some knobs set anew.

        Raises:
            RecipeError: There is no such knob, or the value is outside its range.
        """
        for name in knobs:
            if name not in KNOBS:
                raise RecipeError(f"no knob {name!r:.60}: {instead(name, KNOBS)}")
        return replace(self, **knobs)

    def as_dict(self) -> dict[str, Any]:
        """All knobs by name."""
        return asdict(self)

    def seen(self, height: int, width: int) -> Size:
        """How much of pictures of this size the net sees, (height, width) in pixels.

        >>> Recipe(crop=0.875).seen(256, 256)
        (224, 224)
        """
        return max(1, round(self.crop * height)), max(1, round(self.crop * width))

    @property
    def distorts(self) -> bool:
        """Whether pictures are turned, bent or moved by less than a pixel."""
        return any((self.shift, self.rotate, self.scale, self.squeeze, self.shear, self.elastic))

    @property
    def jitters(self) -> bool:
        """Whether colours are changed."""
        return any((self.brightness, self.contrast, self.saturation, self.hue))

    @property
    def mixes(self) -> bool:
        """Whether pictures are mixed with others of their batch."""
        return bool(self.mixup or self.cutmix)

    def changes(self, epoch: int) -> bool:
        """Whether an epoch (they count from 1) shows the pictures changed at random."""
        placed = self.distorts or any((self.flip, self.pad, self.area < 1, self.crop < 1))
        asked = placed or self.jitters or self.lighting or self.erase or self.cutout or self.mixes
        return bool(asked) and epoch <= self.epochs - self.calm


KNOBS = tuple(knob.name for knob in fields(Recipe))


def _check(name: str, value: Any, rule: Mapping[str, Any]) -> None:
    if "names" in rule:
        if value not in rule["names"]:
            raise RecipeError(f"{name} is one of {', '.join(rule['names'])}, not {value!r:.60}")
        return
    wanted = type(Recipe.__dataclass_fields__[name].default)
    if isinstance(value, bool) or not isinstance(value, int if wanted is int else int | float):
        raise RecipeError(f"{name} is a {'whole ' if wanted is int else ''}number, not {value!r:.60}")
    if not rule["low"] <= value <= rule["high"]:
        shown = min(max(value, -1e300), 1e300)  # a whole number may be larger than any float
        raise RecipeError(f"{name} goes from {rule['low']:g} to {rule['high']:g}, not {shown:g}")


def from_dict(knobs: Mapping[str, Any]) -> Recipe:
    """The recipe that a Run's recipe.json says.

    Raises:
        RecipeError: A knob is unknown or outside its range.
    """
    return Recipe().changed(**knobs)


def default_of(name: str) -> Any:
    """A knob's default."""
    value = Recipe.__dataclass_fields__[name].default
    assert value is not MISSING
    return value
