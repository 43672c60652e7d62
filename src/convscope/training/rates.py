"""How fast each layer learns: as the recipe says, slower than the layer above it, or not at all."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from convscope.errors import RecipeError
from convscope.nets.build import Net
from convscope.nets.stack import Stack
from convscope.training.recipe import Recipe


@dataclass(frozen=True)
class Span:
    """A part of the flat vector of parameters, and the factor of the learning rate in it."""

    part: slice
    factor: float


def skeleton(stack: Stack) -> Net:
    """A net whose numbers are nowhere: its layers and their shapes at no cost."""
    with torch.device("meta"):
        return Net(stack)


def learned_layers(net: Net) -> dict[str, nn.Module]:
    """The layers that have numbers to learn, from the picture up.

    >>> from convscope.nets.build import build
    >>> from convscope.nets.grammar import parse
    >>> [*learned_layers(build(parse("input 1x8x8; a conv 2 3x3; b max 2x2; c linear 3")))]
    ['a', 'c']
    """
    return {name: layer for name, layer in net.named_children() if any(True for _ in layer.parameters())}


def depth_of(stack: Stack, layer: str) -> int:
    """How many layers `--freeze` keeps: it says their number, or the name of the last one.

    Raises:
        RecipeError: It says neither.

    >>> from convscope.nets.grammar import parse
    >>> depth_of(parse("input 1x8x8; a conv 2 3x3; b max 2x2; c linear 3; d linear 2"), "c")
    2
    """
    names = [*learned_layers(skeleton(stack))]
    if layer.isascii() and layer.isdigit():
        return int(layer)
    if layer not in names:
        raise RecipeError(
            f"freeze is a number of layers, or the name of the last one that is kept: {', '.join(names)}; not {layer!r}"
        )
    return names.index(layer) + 1


def spans(net: Net, recipe: Recipe) -> tuple[Span, ...]:
    """The parts of the flat vector that learn, each with its factor: frozen layers have none.

    The last layer learns at the recipe's rate, each layer below it at `layerwise` times that of the one above
    (Howard & Ruder 2018, Universal language model fine-tuning, section 3.2, who take 1/2.6).

    Raises:
        RecipeError: No layer is left to learn.
    """
    found: list[Span] = []
    layers = learned_layers(net)
    if recipe.freeze >= len(layers):
        raise RecipeError(
            f"freeze={recipe.freeze} keeps every layer as it is, of {len(layers)} with weights: take less"
        )
    place = 0
    for depth, layer in enumerate(layers.values()):
        start, place = place, place + sum(p.numel() for p in layer.parameters())
        factor = recipe.layerwise ** (len(layers) - 1 - depth)
        if depth < recipe.freeze:
            continue
        if found and found[-1].factor == factor:
            start = found.pop().part.start
        found.append(Span(slice(start, place), factor))
    return tuple(found)


def freeze(net: Net, recipe: Recipe) -> None:
    """Let autograd leave out the frozen layers."""
    for layer in [*learned_layers(net).values()][: recipe.freeze]:
        layer.requires_grad_(False)


def to_learn(net: Net, recipe: Recipe) -> None:
    """Put a net into training mode, what lies below the last frozen layer excepted.

    There batch normalisation keeps its statistics, and dropout leaves all as it is.
    """
    net.train()
    last = [*learned_layers(net)][recipe.freeze - 1] if recipe.freeze else ""
    for name, layer in net.named_children() if last else ():
        layer.eval()
        if name == last:
            break
