"""Models of timm: by name in a net's text, filled from a file, taught, and opened again without anything but the name."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from convscope.errors import StackError
from convscope.nets import foreign
from convscope.nets.build import build
from convscope.nets.grammar import parse
from convscope.runs import Run
from convscope.training.loop import train, training
from convscope.training.plan import make_plan, resumed_plan
from convscope.training.recipe import Recipe
from convscope.training.transfer import beginning

QUICK = Recipe(epochs=2, batch=100, rate=0.01)


class Tiny(nn.Module):
    """As a model of timm is: features without its last layer."""

    def __init__(self, channels: int):
        super().__init__()
        self.stem, self.norm = nn.Conv2d(channels, 4, 3, stride=2), nn.BatchNorm2d(4)
        self.pretrained_cfg = {
            "input_size": (3, 32, 32), "mean": (0.5, 0.25, 0.75), "std": (0.25, 0.5, 0.5), "hf_hub_id": "timm/tiny",
        }  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-1] > 64:
            raise AssertionError("Input width (65) doesn't match model (64).")
        return self.norm(self.stem(x)).relu().mean((2, 3))


def create_model(
    name: str, *, num_classes: int, in_chans: int, pretrained: bool = False, pretrained_cfg_overlay=None
) -> Tiny:
    assert (name, num_classes) == ("tiny", 0)
    made = Tiny(in_chans)
    if pretrained:
        given = load_file(pretrained_cfg_overlay["file"])
        if in_chans == 1:
            given["stem.weight"] = given["stem.weight"].sum(1, keepdim=True)
        made.load_state_dict(given)
    return made


@pytest.fixture(autouse=True)
def timm(monkeypatch, tmp_path):
    """A stand-in for timm with one model, and a file of what it was taught."""
    fake = ModuleType("timm")
    vars(fake).update(
        create_model=create_model, is_model=lambda name: name == "tiny", list_models=lambda: ["tiny"]
    )
    monkeypatch.setitem(sys.modules, "timm", fake)
    torch.manual_seed(1)
    save_file(Tiny(3).state_dict(), tmp_path / "tiny.safetensors")
    foreign.measured.cache_clear()
    yield
    foreign.measured.cache_clear()


def coloured(images):
    parts = {
        name: replace(part, pixels=np.repeat(part.pixels, 3, 1))
        for name, part in (("train", images.train), ("test", images.test))
    }
    return replace(images, **parts)


def test_a_text_names_a_model_whose_sizes_and_counts_are_worked_out():
    stack = parse("input 3x32x32; body timm tiny; out linear 5")
    assert stack.shapes == {"body": (4, 1, 1), "out": (5, 1, 1)}
    assert stack.parameters == 4 * 27 + 4 + 8 + 25
    assert stack.ladder[0].multiply_adds == 15 * 15 * 4 * 27
    assert parse(str(stack)) == stack


def test_the_same_seed_builds_the_same_numbers_whatever_ran_before():
    stack = parse("input 3x32x32; body timm tiny; out linear 5")
    one = build(stack, seed=3).state_dict()
    torch.rand(5)
    before = torch.get_rng_state()
    again, other = build(stack, seed=3).state_dict(), build(stack, seed=4).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not torch.equal(one["body.timm.stem.weight"], other["body.timm.stem.weight"])


def test_a_model_begins_with_what_it_was_taught_and_its_own_normalisation(bar_images):
    plan = make_plan(coloured(bar_images), start="timm:tiny:tiny.safetensors", recipe=QUICK)
    assert (plan.net, plan.start.taken, plan.start.new) == ("timm-tiny", ("body",), ("out",))
    assert plan.start.normalisation.scale == pytest.approx((1 / 63.75, 1 / 127.5, 1 / 127.5))
    assert plan.start.normalisation.shift == pytest.approx((-2, -0.5, -1.5))


def test_what_a_run_keeps_is_the_name_and_opens_the_net_again(bar_images):
    images = coloured(bar_images)
    run = train(images, recipe=QUICK.changed(freeze=1), start="timm:tiny:tiny.safetensors", out="run")
    assert "body  timm tiny" in (run.path / "stack.txt").read_text()
    assert {p.suffix for p in run.path.rglob("*") if p.is_file()} <= {
        ".json",
        ".jsonl",
        ".txt",
        ".safetensors",
    }
    taught = load_file("tiny.safetensors")
    for name, value in taught.items():
        assert np.array_equal(run.weights()[f"body.timm.{name}"], value.numpy()), name
    with torch.no_grad():
        answers = run.net()(torch.from_numpy(run.normalised(images.test.pixels)))
    np.testing.assert_allclose(answers.numpy(), run.arrays("test.safetensors")["answers"], atol=1e-4)


def test_a_stopped_training_of_a_model_goes_on_to_the_same_bits_without_the_file(bar_images, tmp_path):
    images = coloured(bar_images)
    plan = make_plan(images, start="timm:tiny:tiny.safetensors", recipe=QUICK)
    for path, steps in ((tmp_path / "whole", 100), (tmp_path / "parts", 5)):
        seen = iter(range(1, 1000))
        for _ in training(plan, path, stop=lambda last=steps, seen=seen: next(seen) == last):
            pass
    (tmp_path / "tiny.safetensors").unlink()
    for _ in training(resumed_plan(Run("parts"), images), tmp_path / "parts", resume=True):
        pass
    whole, parts = Run("whole").weights(), Run("parts").weights()
    assert all(np.array_equal(whole[name], parts[name]) for name in whole)


def test_grey_pictures_take_the_model_fitted_to_one_channel(bar_images):
    plan = make_plan(bar_images, start="timm:tiny:tiny.safetensors", recipe=QUICK)
    assert plan.start.taken == ("body",)
    assert plan.start.weights["body.timm.stem.weight"].shape == (4, 1, 3, 3)
    assert plan.start.normalisation.shift == pytest.approx((-0.5 / (1.25 / 3),))


WRONG = [
    ("timm:tinny:tiny.safetensors", "timm has no model 'tinny': did you mean tiny?"),
    ("timm:tiny:no.safetensors", "no.safetensors: not a .safetensors file of timm's tiny"),
    ("timm:tiny:tiny.bin", "tiny.bin: not a .safetensors file of timm's tiny"),
    ("timm:tiny:other.safetensors", "other.safetensors: not the numbers of timm's tiny (RuntimeError: "),
]


@pytest.mark.parametrize(("source", "message"), WRONG, ids=[source for source, _ in WRONG])
def test_what_cannot_be_had_is_a_clear_line(tmp_path, source, message):
    (tmp_path / "tiny.bin").write_bytes(b"anything")
    save_file({"a": torch.ones(2)}, tmp_path / "other.safetensors")
    with pytest.raises(StackError) as caught:
        beginning(source)
    assert str(caught.value).startswith(message)


def test_without_a_network_the_line_says_what_is_needed(monkeypatch):
    hub = ModuleType("huggingface_hub")

    def absent(name: str, file: str) -> str:
        raise OSError(f"no route to {name}/{file}")

    vars(hub)["hf_hub_download"] = absent
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    with pytest.raises(StackError) as caught:
        beginning("timm:tiny")
    assert str(caught.value) == (
        "the pretrained numbers of timm's tiny need a download, which failed (OSError: no route to "
        "timm/tiny/model.safetensors); with a file of them: --from timm:tiny:FILE.safetensors"
    )


def test_without_timm_the_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(
        StackError, match=r"models of timm need timm, which cannot be used here .*convscope\[zoo\]"
    ):
        parse("input 3x32x32; body timm tiny; out linear 5")


def test_pictures_that_a_model_does_not_take_are_refused_with_its_own_size():
    with pytest.raises(
        StackError, match=r"timm's tiny takes no pictures of 65 x 65 .*: --size 32 is its own"
    ):
        parse("input 3x65x65; body timm tiny; out linear 5")


def test_a_model_is_a_name_and_nothing_else():
    with pytest.raises(StackError, match="a model of timm by its name, such as resnet18 was expected"):
        parse("input 3x32x32; body timm hf-hub:somebody/model; out linear 5")
