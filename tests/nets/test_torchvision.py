"""torchvision's weights in our nets: its modules, written small, and the same logits from the same random numbers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

import convscope as cs
from convscope.errors import StackError
from convscope.nets.build import build
from convscope.nets.torchvision import load_torchvision, torchvision_names


class Sequential(nn.Module):
    """The frame that torchvision's AlexNet and VGG share: features, an adaptive pool, a classifier."""

    def __init__(self, features: list[nn.Module], areas: int, classifier: list[nn.Module]) -> None:
        super().__init__()
        self.features, self.classifier = nn.Sequential(*features), nn.Sequential(*classifier)
        self.avgpool = nn.AdaptiveAvgPool2d(areas)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


def alexnet() -> nn.Module:
    def conv(below: int, width: int, kernel: int, padding: int, stride: int = 1) -> list[nn.Module]:
        return [nn.Conv2d(below, width, kernel, stride, padding), nn.ReLU(inplace=True)]

    features = [
        *conv(3, 64, 11, 2, 4), nn.MaxPool2d(3, 2), *conv(64, 192, 5, 2), nn.MaxPool2d(3, 2), *conv(192, 384, 3, 1),
        *conv(384, 256, 3, 1), *conv(256, 256, 3, 1), nn.MaxPool2d(3, 2),
    ]  # fmt: skip
    classifier = [
        nn.Dropout(), nn.Linear(256 * 36, 4096), nn.ReLU(True), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(True),
        nn.Linear(4096, 1000),
    ]  # fmt: skip
    return Sequential(features, 6, classifier)


def vgg(convolutions: tuple[int, ...]) -> nn.Module:
    features: list[nn.Module] = []
    below = 3
    for count, width in zip(convolutions, (64, 128, 256, 512, 512), strict=True):
        for _ in range(count):
            features += [nn.Conv2d(below, width, 3, padding=1), nn.ReLU(inplace=True)]
            below = width
        features.append(nn.MaxPool2d(2, 2))
    classifier = [
        nn.Linear(512 * 49, 4096), nn.ReLU(True), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(True), nn.Dropout(),
        nn.Linear(4096, 1000),
    ]  # fmt: skip
    return Sequential(features, 7, classifier)


class Block(nn.Module):
    """torchvision's BasicBlock, or with `wide` its Bottleneck."""

    def __init__(self, below: int, width: int, stride: int, wide: bool) -> None:
        super().__init__()
        kernels = (
            [(width, 1, 1), (width, 3, stride), (4 * width, 1, 1)]
            if wide
            else [(width, 3, stride), (width, 3, 1)]
        )
        maps = below
        for n, (out, kernel, apart) in enumerate(kernels, start=1):
            self.add_module(f"conv{n}", nn.Conv2d(maps, out, kernel, apart, kernel // 2, bias=False))
            self.add_module(f"bn{n}", nn.BatchNorm2d(out))
            maps = out
        self.count = len(kernels)
        self.downsample = None
        if stride > 1 or maps != below:
            self.downsample = nn.Sequential(
                nn.Conv2d(below, maps, 1, stride, bias=False), nn.BatchNorm2d(maps)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for n in range(1, self.count + 1):
            y = getattr(self, f"bn{n}")(getattr(self, f"conv{n}")(y))
            y = y if n == self.count else y.relu()
        return (y + (x if self.downsample is None else self.downsample(x))).relu()


class ResNet(nn.Module):
    def __init__(self, blocks: tuple[int, ...], wide: bool) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        below = 64
        for stage, count in enumerate(blocks):
            rows = []
            for n in range(count):
                rows.append(Block(below, 64 << stage, 2 if stage and not n else 1, wide))
                below = (64 << stage) * (4 if wide else 1)
            self.add_module(f"layer{stage + 1}", nn.Sequential(*rows))
        self.fc = nn.Linear(below, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.bn1(self.conv1(x)).relu())
        for stage in range(1, 5):
            x = getattr(self, f"layer{stage}")(x)
        return self.fc(x.mean((2, 3)))


THEIRS: dict[str, Callable[[], nn.Module]] = {
    "alexnet-owt": alexnet,
    "vgg11": lambda: vgg((1, 1, 2, 2, 2)),
    "vgg16": lambda: vgg((2, 2, 3, 3, 3)),
    "resnet18": lambda: ResNet((2, 2, 2, 2), wide=False),
    "resnet50": lambda: ResNet((3, 4, 6, 3), wide=True),
}


SIDE = {"vgg16": 96, "resnet50": 128}
"""Other sizes take the adaptive pool's own way, and less time."""


def random(module: nn.Module) -> nn.Module:
    """Numbers that keep values of every layer near 1, norms that have seen something; the same ones each time."""
    generator = torch.Generator().manual_seed(11)
    with torch.no_grad():
        for name, value in module.state_dict().items():
            if not value.is_floating_point():
                continue
            value.normal_(0, 0.1, generator=generator)
            if value.dim() > 1:
                value.mul_(10 * (2 / value[0].numel()) ** 0.5)
            elif name.endswith("running_var") or (name.endswith("weight") and value.dim() == 1):
                value.abs_().add_(0.5)
    return module.eval()


@pytest.mark.parametrize("name", THEIRS)
def test_torchvisions_weights_give_torchvisions_logits(name: str):
    theirs, ours = random(THEIRS[name]()), build(cs.zoo[name]).eval()
    assert load_torchvision(ours, theirs.state_dict()) is ours
    x = torch.randn(
        1, 3, SIDE.get(name, 224), SIDE.get(name, 224), generator=torch.Generator().manual_seed(1)
    )
    with torch.no_grad():
        wanted = theirs(x)
        assert wanted.std() > 0.1
        assert torch.allclose(ours(x), wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", THEIRS)
def test_every_number_of_torchvision_has_one_place_of_ours(name: str):
    with torch.device("meta"):
        theirs = {key: tuple(value.shape) for key, value in THEIRS[name]().state_dict().items()}
    names = torchvision_names(cs.zoo[name])
    assert sorted(set(names.values()) & set(theirs)) == sorted(theirs)
    assert len(set(names.values())) == len(names)


SMALL = "input 3x16x16; conv1 conv 4 3x3 | relu; areas adaptive 2x2; out linear 3"


def weights() -> dict[str, Tensor]:
    return {
        "features.0.weight": torch.ones(4, 3, 3, 3), "features.0.bias": torch.zeros(4),
        "classifier.0.weight": torch.ones(3, 16), "classifier.0.bias": torch.zeros(3),
    }  # fmt: skip


def test_weights_come_from_a_file_too(tmp_path):
    save_file(weights(), tmp_path / "w.safetensors")
    net = load_torchvision(build(cs.parse(SMALL)), tmp_path / "w.safetensors")
    assert net.state_dict()["out.linear.weight"].eq(1).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda w: w.pop("features.0.bias"),
            "these are not this net's weights from torchvision: there is no features.0.bias",
        ),
        (
            lambda w: w.update({f"features.{n}.weight": torch.ones(1) for n in range(5, 9)}),
            "these are not this net's weights from torchvision: nothing here takes features.5.weight, "
            "features.6.weight, features.7.weight and 1 more",
        ),
        (
            lambda w: w.update({"classifier.0.weight": torch.ones(1000, 16)}),
            "classifier.0.weight is 1000x16, but out.linear.weight is 3x16: "
            "build the net with the same input size and classes",
        ),
    ],
)
def test_weights_that_do_not_fit_change_nothing_and_are_said(change, message):
    net, came = build(cs.parse(SMALL)), weights()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    change(came)
    with pytest.raises(StackError) as caught:
        load_torchvision(net, came)
    assert str(caught.value) == message
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())


def test_a_net_that_torchvision_does_not_have_is_said():
    with pytest.raises(StackError, match=r"torchvision has nothing like S2\.subsample\.weight"):
        load_torchvision(build(cs.zoo["lenet5"]), {})


def test_a_file_that_is_none_is_said(tmp_path):
    (tmp_path / "w.pth").write_bytes(b"no")
    with pytest.raises(StackError, match=r"w\.pth: no safetensors file .*give the state_dict itself"):
        load_torchvision(build(cs.parse(SMALL)), tmp_path / "w.pth")
