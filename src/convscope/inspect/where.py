"""Where did the net look? One question, and the ways to ask it, each registered once."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from torch import nn

from convscope.errors import StackError, instead
from convscope.inspect.attribution import grad_cam, grad_cam_plus_plus, layer_cam
from convscope.inspect.gradients import integrated_gradients, plain_gradient, smooth_grad
from convscope.inspect.heat import Heat, Progress, Question
from convscope.inspect.occlusion import occlusion
from convscope.inspect.subject import Subject, subject_of
from convscope.runs import Run


@dataclass(frozen=True)
class Method:
    """A way to ask: its title, the paper it is from, whether negative values speak against the class, what it does.

    `function` takes a `Question` and the options that it alone has, and gives a `Heat`.
    """

    name: str
    function: Callable[..., Heat]
    title: str
    source: str
    signed: bool
    about: str

    @property
    def options(self) -> tuple[str, ...]:
        """What `where` takes for this method besides what it takes for all; "layer" where it is taken at one."""
        return tuple(list(inspect.signature(self.function).parameters)[1:])


METHODS = {
    method.name: method
    for method in (
        Method(
            "grad-cam", grad_cam, "Grad-CAM",
            "Selvaraju et al. 2017, Grad-CAM: visual explanations from deep networks via gradient-based localization",
            False, "The maps of a late layer, each weighted by how much the score of the class rises with it.",
        ),
        Method(
            "grad-cam++", grad_cam_plus_plus, "Grad-CAM++",
            "Chattopadhay et al. 2018, Grad-CAM++: generalized gradient-based visual explanations for deep "
            "convolutional networks",
            False, "As Grad-CAM, but several things of one kind in a picture share the weight more evenly.",
        ),
        Method(
            "layer-cam", layer_cam, "LayerCAM",
            "Jiang et al. 2021, LayerCAM: exploring hierarchical class activation maps for localization",
            False, "The maps of a layer, each place weighted by its own gradient: sharp in early layers too.",
        ),
        Method(
            "occlusion", occlusion, "Occlusion",
            "Zeiler & Fergus 2014, Visualizing and understanding convolutional networks, section 4.2",
            True, "How far the score of the class drops when a patch hides a part of the picture.",
        ),
        Method(
            "integrated-gradients", integrated_gradients, "Integrated gradients",
            "Sundararajan et al. 2017, Axiomatic attribution for deep networks",
            True, "What each pixel adds to the score on the way from an empty picture to this one.",
        ),
        Method(
            "smooth-grad", smooth_grad, "SmoothGrad",
            "Smilkov et al. 2017, SmoothGrad: removing noise by adding noise",
            True, "The gradient's mean over copies of the picture with noise.",
        ),
        Method(
            "gradient", plain_gradient, "Gradient",
            "Simonyan et al. 2014, Deep inside convolutional networks: visualising image classification models and "
            "saliency maps",
            True, "How the score of the class changes with each pixel.",
        ),
    )
}  # fmt: skip
"""Name -> way to ask where a net looked."""


def where(
    model: Run | Subject | nn.Module,
    picture: UInt8[np.ndarray, "c h w"],
    target: int | str | None = None,
    *,
    method: str = "grad-cam",
    layer: str | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    **how: Any,
) -> Heat:
    """Where a net looked when it said a class of a picture, by one of `METHODS`, whose own options are `how`.

    `picture` is of the net's size, or smaller, with black around it then. `target` is a class by name or number, or None:
    what the net says. `layer` is for the methods that are taken at one. A module whose pictures' size it does not say
    itself is made a `Subject` first (`subject_of`), and so is one whose pictures are normalised. The net is as it was
    afterwards; random numbers are drawn from `seed`. `progress` is called with the pictures that are done and their total.

    Raises:
        StackError: There is no such method, option, layer or class.
        PictureError: The picture does not fit the net.
        RunError: The Run's weights cannot be read.

    >>> from convscope.nets.build import build
    >>> from convscope.nets.zoo import zoo
    >>> heat = where(build(zoo["lenet5"]), np.full((1, 28, 28), 99, np.uint8), 7, method="gradient")
    >>> heat.values.shape, heat.target_name, heat.signed
    ((32, 32), '7', True)
    """
    if method not in METHODS:
        raise StackError(f"there is no way {method!r} to ask where a net looked: {instead(method, METHODS)}")
    way = METHODS[method]
    own = tuple(name for name in way.options if name != "layer")
    for name in how:
        if name not in own:
            raise StackError(
                f"{method} has no option {name!r}: {instead(name, own) if own else 'it has none'}"
            )
    if layer is not None:
        if "layer" not in way.options:
            raise StackError(f"{method} looks at pixels, not at a layer: leave layer={layer!r} out")
        how["layer"] = layer
    with torch.inference_mode(False):
        number = int(target) if isinstance(target, np.integer) else target
        asked = Question(subject_of(model), np.asarray(picture), number, seed, progress)
        return way.function(asked, **how)
