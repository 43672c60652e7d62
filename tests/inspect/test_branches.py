"""Looking into a net whose layers take in others: what is said of a chain holds where ways part and meet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import convscope as cs
from convscope.data.images import Images
from convscope.inspect.fields import effective_field
from convscope.inspect.forward import passes
from convscope.inspect.layers import layer_of
from convscope.inspect.reshaped import Change, mendings, reshaped, written
from convscope.inspect.sliding import slide
from convscope.inspect.subject import subject_of
from convscope.inspect.wiring import feeds, hears
from convscope.nets.build import Net, build
from convscope.report import write_report
from convscope.report.ladder import describe

TEXT = """
input 1x12x12
c1    conv 6 3x3 padding=1 bias=no | batchnorm | relu
short from c1 | conv 8 1x1 stride=2 bias=no | batchnorm
a     from c1 | conv 8 3x3 stride=2 padding=1 | batchnorm | relu
b     conv 8 3x3 padding=1 | batchnorm | add short | relu
c     conv 8 3x3 padding=1 | batchnorm | add b | relu
m     max 3x3 stride=2 padding=1
mean  global
out   linear 3
"""


def net() -> Net:
    return build(cs.parse(TEXT), seed=3).eval()


def test_the_module_computes_what_the_text_says():
    made, x = net(), torch.randn(2, 1, 12, 12, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        c1 = made.c1(x)
        b = made.b.batchnorm(made.b.conv(made.a(c1))).add(made.short(c1)).relu()
        c = made.c.batchnorm(made.c.conv(b)).add(b).relu()
        wanted = made.out(c.amax((2, 3), keepdim=True) * 0 + made.m(c).mean((2, 3), keepdim=True))
        assert torch.allclose(made(x), wanted, atol=1e-6)


def test_each_layers_steps_are_seen_the_sum_among_them():
    made = net()
    said = {done.line.name: done for done in passes(made, torch.randn(1, 12, 12))}
    (_, _), (_, normed), (kind, summed), (_, bent) = said["b"].after
    assert kind == "add"
    assert torch.allclose(summed, normed + said["short"].result)
    assert torch.equal(bent, summed.relu())


def test_what_a_unit_hears_is_named_by_the_last_layer_that_added_to_it():
    subject = subject_of(net())
    assert layer_of(subject, "c").below == ("short", "b")
    assert {link.unit for link in hears(subject, layer_of(subject, "c"), 0)} == {f"b/{k}" for k in range(8)}
    assert {link.unit for link in hears(subject, layer_of(subject, "a"), 0)} == {f"c1/{k}" for k in range(6)}
    assert {link.unit for link in feeds(subject, layer_of(subject, "short"), 2)} == {
        f"c/{k}" for k in range(8)
    }


def test_a_way_that_no_longer_fits_the_other_stops_at_the_sum_and_either_mends_it():
    wanted = {"a": Change(stride=1)}
    seen = reshaped(net(), wanted)
    assert seen.stops[0] == "b"
    assert "short gives 8x6x6 and here are 8x12x12" in seen.stops[1]
    assert written(mendings(net().stack, wanted)[0]) == "a:stride=1;short:stride=1"
    assert reshaped(net(), {**wanted, "short": Change(stride=1)}).whole


def test_the_effective_field_and_a_sliding_unit_cross_a_sum():
    made = net()
    pictures = np.random.default_rng(0).standard_normal((3, 1, 12, 12)).astype(np.float32)
    assert effective_field(made, pictures, "c/0", (2, 2)).sum() == pytest.approx(1)
    assert [kind for kind, _ in slide(made, pictures[0], "b/1").stages] == [
        "conv",
        "batchnorm",
        "add",
        "relu",
    ]
    assert made.stack.below("a") == made.stack.below("short") == "c1"


def test_a_layer_says_in_words_what_it_takes_in():
    lines = {line.name: line for line in cs.parse(TEXT).lines}
    assert describe(lines["b"]).endswith("then batch normalisation, what short gives is added, ReLU")
    assert describe(lines["short"]).startswith("begins with what c1 gives; then 8 kernels of 1×1")


def test_such_a_net_is_taught_reported_and_asked(bar_images: Images, tmp_path: Path):
    run = cs.train(bar_images, TEXT, cs.Recipe(epochs=1), out=tmp_path / "run")
    assert run.info["engine"] == "native"
    page = write_report(run, bar_images).read_text()
    assert "what short gives is added" in page
    assert [s.name for s in cs.record(run, bar_images.test.pixels[0]).layers] == list(run.stack.shapes)
