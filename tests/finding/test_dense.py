"""A classifier over a large picture: the same answers as window by window, however they are computed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from convscope.errors import StackError
from convscope.finding.applied import applied
from convscope.finding.dense import dense, dense_stack
from convscope.nets.build import build
from convscope.nets.grammar import parse
from convscope.nets.zoo import zoo

BRANCHED = "input 2x12x12; a conv 4 3x3 | batchnorm | relu; b conv 4 1x1; c conv 4 1x1 | add a; m global; out linear 3"
NETS = {
    "lenet1": str(zoo["lenet1"]),
    "lenet4": str(zoo["lenet4"]),
    "lenet5": str(zoo["lenet5"]),
    "pooled": "input 1x21x15; a conv 3 4x2 stride=2x1 | tanh; p max 3x3 stride=2; f linear 5 | relu | dropout 0.5; out linear 4",
    "branched": BRANCHED,
    "normed": "input 3x10x10; a conv 8 3x3 | relu | lrn; p avg 2x2; out linear 3",
}


def double(text: str):
    net = build(parse(text), seed=1).double().eval()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            assert isinstance(module.running_mean, torch.Tensor)
            module.running_mean.normal_()
    return net


@pytest.mark.parametrize("name", NETS)
def test_a_dense_net_answers_for_each_window_as_the_net_does_for_it_alone(name):
    net = double(NETS[name])
    made = dense(net)
    channels, height, width = net.stack.input.shape
    down, right = made.jump
    x = torch.randn(2, channels, height + 3 * down + 1, width + 2 * right, dtype=torch.float64)
    with torch.no_grad():
        answers = made.answers(x)
        assert answers.shape[2:] == ((x.shape[2] - height) // down + 1, (x.shape[3] - width) // right + 1)
        for i in range(answers.shape[2]):
            for j in range(answers.shape[3]):
                window = x[:, :, i * down : i * down + height, j * right : j * right + width]
                assert answers[:, :, i, j] == pytest.approx(net(window), abs=1e-9)


@pytest.mark.parametrize("name", ["lenet5-modern", "digits", "cifar", "alexnet", "resnet18"])
def test_what_knows_where_the_picture_ends_is_not_dense_and_the_reason_names_the_layer(name):
    first = zoo[name].lines[0].name if name != "alexnet" else "conv2"
    with pytest.raises(StackError, match=f"^{first} pads: beside a window lies more of the picture"):
        dense(build(zoo[name]))


def test_areas_that_depend_on_the_size_are_swept():
    with pytest.raises(StackError, match=r"^a \(adaptive\) looks at a map as a whole"):
        dense(build(parse("input 1x9x9; c conv 2 2x2; a adaptive 3x3; out linear 2")))


@pytest.mark.parametrize("text", [NETS["lenet1"], NETS["pooled"]])
@pytest.mark.parametrize("sweep", [False, True])
def test_tiles_make_up_the_whole_and_a_sweep_agrees(text, sweep, monkeypatch):
    net = build(parse(text), seed=1).eval()
    whole = replace(applied(net, sweep=sweep), together=None)
    channels, height, width = net.stack.input.shape
    pixels = np.random.default_rng(0).integers(0, 256, (channels, height + 61, width + 83), np.uint8)

    def put_together(tile: int) -> np.ndarray:
        monkeypatch.setattr("convscope.finding.applied.TILE", tile)
        rows, columns = whole.cells(pixels.shape[1:])
        assert (tile > 200) == (len(list(whole.tiles(pixels.shape[1:]))) == 1)
        made = np.full((net.stack.outputs, rows, columns), np.nan, np.float32)
        for cells in whole.over(pixels, lambda x: (x / 255).astype(np.float32)):
            high, wide = cells.answers.shape[1:]
            made[:, cells.row : cells.row + high, cells.column : cells.column + wide] = cells.answers
        return made

    parts = put_together(max(height, width) + 9)
    assert not np.isnan(parts).any()
    assert parts == pytest.approx(put_together(1000), abs=1e-5)
    window = torch.from_numpy((pixels[:, 0:height, 0:width] / 255).astype(np.float32))[None]
    assert parts[:, 0, 0] == pytest.approx(net(window)[0].detach().numpy(), abs=1e-5)


def dense_ones() -> list[str]:
    """The nets of the zoo whose answers do not depend on where a picture ends."""
    found = []
    for name in ("lenet1", "lenet4", "lenet5", "finder", *zoo):
        try:
            dense_stack(zoo[name])
        except StackError:
            continue
        if name not in found:
            found.append(name)
    return found


@pytest.mark.parametrize(
    "text", [*(str(zoo[name]) for name in dense_ones()), NETS["normed"], NETS["branched"]]
)
@pytest.mark.parametrize("more", [(0, 0), (5, 3), (31, 8)])
def test_quick_answers_are_those_of_the_net_window_by_window(text, more):
    net = build(parse(text), seed=1).eval()
    made = applied(net)
    shape = tuple(
        seen + n * jump + jump - 1 for seen, n, jump in zip(made.window, more, made.jump, strict=True)
    )
    part = torch.randn(net.stack.input.shape[0], *shape)
    with torch.inference_mode():
        answers = made.see(part)
        assert answers.shape == (net.stack.outputs, more[0] + 1, more[1] + 1)
        cut = part.unfold(1, made.window[0], made.jump[0]).unfold(2, made.window[1], made.jump[1])
        alone = net(cut.permute(1, 2, 0, 3, 4).flatten(0, 1)).T.reshape(answers.shape)
        assert answers == pytest.approx(alone.numpy(), abs=1e-4)


def test_a_sweep_says_why_it_is_one():
    made = applied(build(zoo["lenet5-modern"]))
    assert (made.mode, made.window, made.jump) == ("sweep", (28, 28), (3, 3))
    assert "conv1 pads" in made.why


@pytest.mark.parametrize(
    "text", [BRANCHED, str(zoo["cifar"]), "input 1x9x9; a conv 4 3x3 dilation=2 | relu; out linear 3"]
)
def test_a_sweep_answers_as_the_net_does_whoever_computes(text, monkeypatch):
    net = build(parse(text), seed=1).eval()
    made = applied(net, sweep=True)
    part = torch.randn(
        net.stack.input.shape[0],
        *(side + 2 * jump for side, jump in zip(made.window, made.jump, strict=True)),
    )
    monkeypatch.setattr("convscope.finding.applied.BATCH", 4)
    with torch.inference_mode():
        answers = made.see(part)
        for i in range(3):
            for j in range(3):
                top, left = i * made.jump[0], j * made.jump[1]
                window = part[None, :, top : top + made.window[0], left : left + made.window[1]]
                assert answers[:, i, j] == pytest.approx(net(window)[0], abs=1e-4)
