"""What somebody wants trained, checked by the library, and the command line that a person would type for it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from convscope.errors import SourceError, StackError, instead
from convscope.nets.grammar import parse
from convscope.nets.stack import Stack
from convscope.nets.zoo import zoo
from convscope.training.recipe import Recipe
from convscope.training.recipes import RECIPES, recipe_for

LONGEST = 60_000
"""Characters of a net's text, which becomes one word of a command line."""
MOST_PARAMETERS = 500_000_000
FITS = ("pad", "crop", "stretch")


@dataclass(frozen=True)
class Order:
    """A training that is wanted. `net` is a name of the zoo or a text; `knobs` are those that differ from the recipe's.

    Raises:
        StackError, RecipeError, SourceError: It does not say a net, a recipe, or how pictures are brought to a size.

    >>> Order("mnist", "lenet5-modern", "quick", {"epochs": 1}).command()
    'convscope train mnist --net lenet5-modern --recipe quick --epochs 1'
    """

    source: str
    net: str
    recipe: str | None = None
    knobs: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    size: int | None = None
    fit: str | None = None

    def __post_init__(self) -> None:
        _ = self.stack
        if self.knobs:
            _ = self.chosen
        recipe_for(self._name, self.recipe)
        if self.fit is not None and self.fit not in FITS:
            raise SourceError(f"fit: one of {', '.join(FITS)}, not {self.fit}")

    @property
    def stack(self) -> Stack:
        """The net, as it was asked for."""
        return net_of(self.net)

    @property
    def chosen(self) -> Recipe:
        """The recipe with its knobs."""
        return recipe_for(self._name, self.recipe).recipe.changed(**self.knobs)

    @property
    def _name(self) -> str:
        return self.net if self.net in zoo else "own"

    def words(self, out: str | Path | None = None) -> list[str]:
        """The words behind `convscope`; what is as it would be anyway is left out."""
        words = ["train", self.source, "--net", self.net if self.net in zoo else one_line(self.stack)]
        # Which of several recipes for a net it is depends on the pictures: where knobs are turned it has to be said.
        several = sum(self._name in named.nets for named in RECIPES) > 1
        recipe = self.recipe or (recipe_for(self._name).name if several and self.knobs else None)
        if recipe is not None:
            words += ["--recipe", recipe]
        plain = recipe_for(self._name, self.recipe).recipe.as_dict()
        order = [knob.name for knob in fields(Recipe)]
        for name in sorted(self.knobs, key=order.index):
            if self.knobs[name] != plain[name]:
                words += [f"--{name}", str(self.knobs[name])]
        for name in ("size", "fit"):
            if getattr(self, name) is not None:
                words += [f"--{name}", str(getattr(self, name))]
        if self.seed:
            words += ["--seed", str(self.seed)]
        return [*words, "--out", str(out)] if out is not None else words

    def command(self) -> str:
        """What a person would type."""
        return f"convscope {shlex.join(self.words())}"


def net_of(net: str) -> Stack:
    """The Stack of a zoo name or a text; never of a file.

    Raises:
        StackError: It is neither, or too large to be taught from the page.
    """
    if net in zoo:
        return zoo[net]
    if len(net) > LONGEST:
        raise StackError(
            f"a net's text that is taught from here has at most {LONGEST:,} characters, not {len(net):,}"
        )
    if len(net.split()) == 1:
        raise StackError(f"{net.strip()[:60]}: no net of the zoo; {instead(net.strip(), zoo)}")
    return bounded(parse(net))


def bounded(stack: Stack) -> Stack:
    """The same net.

    Raises:
        StackError: It has too many parameters to be taught from the page.
    """
    if stack.parameters > MOST_PARAMETERS:
        raise StackError(
            f"the net has {stack.parameters:,} parameters, and at most {MOST_PARAMETERS:,} are taught from here: "
            "make a layer smaller, or the pictures"
        )
    return stack


def one_line(stack: Stack) -> str:
    """A net's text on one line, as it goes between quotes.

    >>> one_line(parse("input 1x8x8;a  conv 2 3x3|relu;  b linear 3"))
    'input 1x8x8; a conv 2 3x3 | relu; b linear 3'
    """
    return "; ".join(" ".join(line.split()) for line in str(stack).splitlines())
