"""The recipes that have names: what each was made for, and the one that a net is taught by when none is named."""

from __future__ import annotations

from dataclasses import dataclass

from convscope.errors import RecipeError, instead
from convscope.training.recipe import Recipe


@dataclass(frozen=True)
class Named:
    """A recipe with a name, the nets it was made for, and what is known of it.

    Of those that were made for a net the one whose `least` side of pictures, in pixels, is the largest that they have.
    """

    name: str
    nets: tuple[str, ...]
    about: str
    recipe: Recipe
    least: int = 0


_SQUASHED = Recipe(epochs=20, batch=32, rate=0.004, decay=0.2)
_DISTORTED = {"shift": 1.0, "rotate": 6.0, "scale": 0.07, "squeeze": 0.07, "shear": 0.1}

# Chosen on 10,000 of the training digits kept aside, never on the test set: docs/notebook.md has what was tried.
RECIPES = (
    Named("plain", (), "no distortions; a good start for any small net", Recipe()),
    Named(
        "lenet5",
        ("lenet5",),
        "no distortions, eq. 9 of the paper with j = 1; today's optimiser in place of the paper's second derivatives",
        _SQUASHED.changed(loss="discriminative"),
    ),
    Named(
        "lenet5-distorted",
        (),
        "the same with the paper's distortions: shift, size, squeeze, shear, and a little rotation",
        _SQUASHED.changed(loss="discriminative", epochs=40, batch=64, decay=0.05, **_DISTORTED),
    ),
    Named(
        "lenet5-quick",
        (),
        "the same with less patience, for a first look",
        _SQUASHED.changed(loss="discriminative", epochs=8, batch=64),
    ),
    Named(
        "quick",
        ("lenet5-modern",),
        "99 % in seconds: three epochs, and a running mean of the weights",
        Recipe(epochs=3, batch=64, rate=0.006, average=0.98),
    ),
    Named(
        "digits",
        ("digits",),
        "mild distortions, elastic ones too, none in the last epochs; a running mean of the weights; nine views",
        Recipe(
            epochs=36,
            batch=64,
            rate=0.002,
            decay=0.05,
            average=0.999,
            shift=1.0,
            rotate=8.0,
            scale=0.07,
            squeeze=0.07,
            shear=0.07,
            elastic=0.5,
            calm=4,
            views="shifted",
        ),
    ),
    Named(
        "finder",
        ("finder",),
        "things moved by up to two pixels, of sizes between those at which a large picture is looked at",
        Recipe(
            epochs=14,
            batch=64,
            rate=0.002,
            decay=0.05,
            average=0.999,
            shift=2.0,
            rotate=10.0,
            scale=0.12,
            squeeze=0.07,
            shear=0.07,
            elastic=0.5,
            calm=4,
        ),
    ),
    Named(
        "cifar",
        ("cifar", "resnet18", "resnet50"),
        "He et al. 2016, section 4.2: mirrored, cropped out of a border of 4; with a one-cycle rate and smoothed labels",
        Recipe(
            epochs=17,
            batch=128,
            optimizer="nesterov",
            rate=0.1,
            decay=5e-4,
            smoothing=0.1,
            flip=0.5,
            pad=4,
            views="mirrored",
        ),
    ),
    Named(
        "photos",
        ("photos", "resnet18", "resnet50"),
        "random parts resized, mirrored, a little jitter of colours; a one-cycle rate and smoothed labels",
        Recipe(
            epochs=30,
            batch=64,
            optimizer="nesterov",
            rate=0.05,
            decay=5e-4,
            smoothing=0.1,
            flip=0.5,
            area=0.35,
            brightness=0.2,
            contrast=0.2,
            saturation=0.2,
            hue=0.02,
            views="mirrored",
        ),
        least=96,
    ),
    Named(
        "alexnet",
        ("alexnet", "alexnet-owt", "vgg11", "vgg16"),
        "the paper's, sections 4 and 5: parts of 227 of 256 pixels, mirrored, lit along the colours' principal components; "
        "a tenth of the rate when validation stalls; ten crops",
        Recipe(
            epochs=90,
            batch=128,
            optimizer="sgd",
            rate=0.01,
            schedule="plateau",
            momentum=0.9,
            decay=5e-4,
            validation=0.05,
            crop=0.8867,
            flip=0.5,
            lighting=0.1,
            views="ten-crop",
        ),
    ),
    Named(
        "alexnet-today",
        ("alexnet-today",),
        "AlexNet from thousands of pictures: random parts resized, mirrored, lit along the colours' principal components; a "
        "one-cycle rate and smoothed labels; ten crops",
        Recipe(
            epochs=60,
            batch=64,
            optimizer="sgd",
            rate=0.01,
            warmup=0.1,
            momentum=0.9,
            decay=5e-4,
            smoothing=0.1,
            crop=0.8867,
            area=0.35,
            flip=0.5,
            lighting=0.1,
            views="ten-crop",
        ),
    ),
    Named("squashed", ("lenet1", "lenet4"), "no distortions, squared error to +1 and -1", _SQUASHED),
    Named(
        "squashed-distorted",
        (),
        "the same with the distortions of lenet5-distorted",
        _SQUASHED.changed(epochs=40, batch=64, decay=0.05, **_DISTORTED),
    ),
)


def recipe_for(net: str, name: str | None = None, side: int = 0) -> Named:
    """The recipe of that name, or the one a net is taught by when none is named, on pictures whose shorter side is `side`.

    Raises:
        RecipeError: There is no recipe of that name.

    >>> recipe_for("some-net").name
    'plain'
    >>> recipe_for("resnet18", side=32).name, recipe_for("resnet18", side=160).name
    ('cifar', 'photos')
    """
    if name is None:
        made = sorted((r for r in RECIPES if net in r.nets), key=lambda r: r.least)
        return next((r for r in reversed(made) if r.least <= side), made[0] if made else RECIPES[0])
    for named in RECIPES:
        if named.name == name:
            return named
    raise RecipeError(f"there is no recipe {name!r}: {instead(name, [r.name for r in RECIPES])}")
