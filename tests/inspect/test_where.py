"""Where a net looked: captum says the same where it has the method, by hand it is the same, and the net is as it was."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
import torch
from asking import NETS, picture, subject
from foreign import foreign
from torch import Tensor, nn

import convscope as cs
from convscope.errors import ConvscopeError, PictureError, StackError
from convscope.inspect.heat import Question
from convscope.inspect.subject import Subject, subject_of
from convscope.inspect.where import METHODS, where

CAMS = [name for name, method in METHODS.items() if "layer" in method.options]
SIGNED = [name for name, method in METHODS.items() if method.signed]


def state(net: nn.Module) -> tuple[Any, ...]:
    """All that an inspection must leave as it was; None means that there is no gradient."""
    return (
        [(m.training, list(m._forward_hooks), list(m._backward_hooks)) for m in net.modules()],
        [(p.requires_grad, None if p.grad is None else p.grad.tolist()) for p in net.parameters()],
        [t.tolist() for t in net.state_dict().values()],
        torch.get_rng_state().tolist(),
        torch.is_grad_enabled(),
    )


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("method", METHODS)
def test_every_method_on_every_net(name: str, method: str):
    given = subject(name)
    given.net.train()
    first = next(given.net.parameters())
    first.grad, first.requires_grad = torch.ones_like(first), False
    before = state(given.net)
    heat = where(given, picture(given.shape), method=method, seed=5)
    assert state(given.net) == before
    assert heat.values.shape == given.shape[1:] and heat.values.dtype == np.float32
    assert np.isfinite(heat.values).all() and (heat.values.any() or heat.empty)
    assert heat.method == method and heat.signed == METHODS[method].signed
    assert heat.signed or heat.values.min() >= 0
    assert heat.target_name == given.classes[heat.target] and heat.why and heat.passes >= 1
    assert (heat.layer is not None) == (method in CAMS)
    again = where(given, picture(given.shape), heat.target_name, method=method, seed=5)
    assert np.array_equal(heat.values, again.values) and again == replaced(again, heat)


def replaced(again: Any, heat: Any) -> Any:
    """`again`, where all fields but the values are those of `heat`."""
    fields = [f for f in heat.__dataclass_fields__ if f != "values"]
    return again if all(getattr(again, f) == getattr(heat, f) for f in fields) else None


class Breaks(nn.Module):
    """A net that breaks on one of its calls, when everything is in use."""

    def __init__(self) -> None:
        super().__init__()
        self.net, self.left = foreign("residual"), -1

    def forward(self, x: Tensor) -> Tensor:
        result = self.net(x)
        torch.rand(1)
        self.left -= 1
        if self.left == 0:
            raise RuntimeError("broken")
        return result


@pytest.mark.parametrize("method", METHODS)
def test_the_net_is_as_it_was_after_an_error(method: str):
    given = subject_of(Breaks().train(), shape=(3, 32, 32))
    if method in CAMS:
        where(given, picture(given.shape), method=method)  # so that its layers are known
    one_call = method in (*CAMS, "gradient")
    assert isinstance(given.net, Breaks)
    given.net.left = 1 if one_call else 2
    before = state(given.net)
    with pytest.raises(RuntimeError, match="broken"):
        where(given, picture(given.shape), method=method)
    assert state(given.net) == before


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("around", [torch.no_grad, torch.inference_mode])
def test_it_works_where_gradients_are_off(method: str, around: Callable[[], Any]):
    outside = where(subject("grey"), picture((1, 20, 20)), method=method)
    given = subject("grey")
    with around():
        inside = where(given, picture((1, 20, 20)), method=method)
    assert np.array_equal(inside.values, outside.values) and inside.layer == outside.layer


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch.compile itself
def test_a_compiled_module_is_looked_into_as_what_it_was_compiled_from():
    net = foreign("grey")
    plain = where(subject_of(net, shape=net.shape), picture(net.shape))
    compiled = where(subject_of(torch.compile(net), shape=net.shape), picture(net.shape))
    assert np.array_equal(plain.values, compiled.values) and plain.layer == "b"


@pytest.mark.parametrize(
    ("how", "error", "said"),
    [
        ({"method": "gradcam"}, StackError, "there is no way 'gradcam' to ask where a net looked: did you mean grad-cam?"),
        ({"method": "x"}, StackError, "there is no way 'x' to ask where a net looked: there are grad-cam, grad-cam++, layer-cam, "
         "occlusion, integrated-gradients, smooth-grad, gradient"),
        ({"layer": "conv22"}, StackError, "there is no layer 'conv22' with kernels: did you mean conv2?"),
        ({"method": "gradient", "layer": "conv1"}, StackError, "gradient looks at pixels, not at a layer: leave layer='conv1' out"),
        ({"method": "gradient", "steps": 3}, StackError, "gradient has no option 'steps': it has none"),
        ({"method": "occlusion", "pach": 3}, StackError, "occlusion has no option 'pach': did you mean patch?"),
        ({"target": "x"}, StackError, "there is no class 'x': there are 0, 1, 2, 3, 4, 5, 6, 7, 8, 9"),
        ({"target": 10, "method": "occlusion"}, StackError, "there is no class 10: did you mean 1?"),
        ({"method": "occlusion", "patch": 29}, StackError, "a patch of 29 pixels does not work: it must be from 1 to 28"),
        ({"method": "occlusion", "stride": 0}, StackError, "a stride of 0 pixels does not work: it must be at least 1"),
        ({"method": "integrated-gradients", "steps": 0}, StackError, "steps of 0 do not work: it must be at least 1"),
        ({"method": "smooth-grad", "noise": -1}, StackError, "noise of -1 does not work: it is a part of the picture's range, 0 or more"),
        ({"method": "occlusion", "fill": 300}, PictureError, "a grey is a whole number of 0..255, not 300"),
        ({"method": "integrated-gradients", "baseline": [1, 2]}, PictureError, "a grey is a whole number of 0..255, or 1 of them, not [1, 2]"),
        ({"picture": np.zeros((28, 28))}, PictureError, "a picture is uint8 [channels, height, width], not float64 [28, 28]"),
        ({"picture": np.zeros((3, 28, 28), np.uint8)}, PictureError, "pictures of 3x28x28 came, but the net takes 1x28x28: "
         "bring them to its size and channels first (convscope.data.fit)"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked(how: dict[str, Any], error: type[ConvscopeError], said: str):
    given = subject("digits")
    before = state(given.net)
    with pytest.raises(error) as raised:
        where(given, how.pop("picture", picture(given.shape)), **how)
    assert str(raised.value) == said and state(given.net) == before


def test_a_net_without_kernels_has_no_class_activation_maps_but_gradients():
    given = subject_of(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), shape=(1, 2, 2))
    with pytest.raises(StackError, match="has no convolutions"):
        where(given, picture((1, 2, 2)))
    for method in SIGNED:
        assert where(given, picture((1, 2, 2)), method=method).values.any()


@pytest.mark.parametrize("method", METHODS)
def test_progress_counts_the_pictures_up_to_all_of_them(method: str):
    heard: list[tuple[int, int]] = []
    where(subject("grey"), picture((1, 20, 20)), method=method, progress=lambda *said: heard.append(said))
    done = [d for d, _ in heard]
    assert done == sorted(done) and len({total for _, total in heard}) == 1 and heard[-1][0] == heard[-1][1]


def test_the_methods_are_registered_with_their_papers():
    assert list(METHODS) == [
        "grad-cam", "grad-cam++", "layer-cam", "occlusion", "integrated-gradients", "smooth-grad", "gradient",
    ]  # fmt: skip
    for name, method in METHODS.items():
        assert method.name == name and method.title and method.about.endswith(".")
        assert any(str(year) in method.source for year in range(2013, 2022))
    assert METHODS["grad-cam"].options == ("layer", "relu", "stretch")


def test_classes_are_given_by_name_or_number_and_a_module_or_a_run_will_do(learned: Subject):
    pixels = cs.images("mnist").test.pixels[0]
    assert learned.run is not None
    seen = [
        where(model, pixels, target)
        for model in (learned, learned.run)
        for target in (7, "7", np.int64(7), None)
    ]
    assert all(h.target == 7 and np.array_equal(h.values, seen[0].values) for h in seen)
    with pytest.raises(StackError, match="say what its pictures are"):
        where(nn.Conv2d(1, 1, 1), pixels)


def test_a_smaller_picture_is_framed_as_always():
    given = subject("lenet5")
    small = picture((1, 28, 28))
    framed = np.pad(small, [(0, 0), (2, 2), (2, 2)])
    for method in METHODS:
        ours, theirs = (where(given, p, 1, method=method).values for p in (small, framed))
        assert np.array_equal(ours, theirs) and ours.shape == (32, 32)


def test_grad_cam_goes_through_the_net_once():
    given, calls = subject("residual"), []
    question = Question(given, picture(given.shape))
    METHODS["grad-cam"].function(question)
    given.net.register_forward_pre_hook(lambda *_: calls.append(torch.is_grad_enabled()))
    with nullcontext():
        METHODS["grad-cam"].function(question)
    assert calls == [True]
