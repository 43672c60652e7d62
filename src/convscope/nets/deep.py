"""The texts of nets whose lines follow a rule: VGG's blocks, and residual ones."""

from __future__ import annotations

from collections.abc import Iterable


def vgg(convolutions: Iterable[int]) -> str:
    """A VGG: blocks of so many 3x3 convolutions each, the picture halved after each block (Simonyan & Zisserman 2015).

    >>> vgg([1, 1, 2, 2, 2]).splitlines()[1:3]
    ['conv1_1 conv 64 3x3 padding=1 | relu', 'pool1 max 2x2']
    """
    lines = ["input 3x224x224"]
    for block, (count, width) in enumerate(zip(convolutions, (64, 128, 256, 512, 512), strict=True), start=1):
        lines += [f"conv{block}_{n} conv {width} 3x3 padding=1 | relu" for n in range(1, count + 1)]
        lines += [f"pool{block} max 2x2"]
    lines += ["areas adaptive 7x7", *(f"fc{n} linear 4096 | relu | dropout 0.5" for n in (6, 7))]
    return "\n".join([*lines, "fc8 linear 1000"])


def resnet(blocks: Iterable[int], bottleneck: bool = False) -> str:
    """A ResNet of four stages with so many residual blocks each (He et al. 2016, table 1).

    A block is two 3x3 convolutions, or with `bottleneck` 1x1, 3x3 and 1x1 ones, the last of four times the width. The
    first block of a stage halves the picture; where shapes differ, what is added goes through a projection.

    >>> print("\\n".join(resnet([2, 2, 2, 2]).splitlines()[7:10]))
    conv3_1p from conv2_2b | conv 128 1x1 stride=2 bias=no | batchnorm
    conv3_1a from conv2_2b | conv 128 3x3 stride=2 padding=1 bias=no | batchnorm | relu
    conv3_1b conv 128 3x3 padding=1 bias=no | batchnorm | add conv3_1p | relu
    """
    stem = [
        "conv1 conv 64 7x7 stride=2 padding=3 bias=no | batchnorm | relu",
        "pool1 max 3x3 stride=2 padding=1",
    ]
    lines = _stages(stem, 64, blocks, (64, 128, 256, 512), bottleneck)
    return "\n".join(["input 3x224x224", *lines, "mean global", "fc linear 1000"])


def small_resnet(widths: Iterable[int]) -> str:
    """Two residual blocks a stage, of such widths, behind three 3x3 convolutions (He et al. 2019, "Bag of tricks", 4.2).

    >>> small_resnet((48, 96)).splitlines()[1]
    'stem1 conv 24 3x3 stride=2 padding=1 bias=no | batchnorm | relu'
    """
    chosen = tuple(widths)
    half = chosen[0] // 2
    stem = [
        f"stem1 conv {half} 3x3 stride=2 padding=1 bias=no | batchnorm | relu",
        f"stem2 conv {half} 3x3 padding=1 bias=no | batchnorm | relu",
        f"stem3 conv {chosen[0]} 3x3 padding=1 bias=no | batchnorm | relu",
        "pool1 max 3x3 stride=2 padding=1",
    ]
    lines = _stages(stem, chosen[0], [2] * len(chosen), chosen, bottleneck=False)
    return "\n".join(["input 3x160x160", *lines, "mean global", "out linear 10"])


def _stages(
    stem: list[str], maps: int, blocks: Iterable[int], widths: Iterable[int], bottleneck: bool
) -> list[str]:
    """A stem's lines, which give so many maps, and those of the stages behind it."""
    lines = list(stem)
    below = lines[-1].split()[0]
    for stage, (count, width) in enumerate(zip(blocks, widths, strict=True), start=2):
        for block in range(1, count + 1):
            stride = 2 if block == 1 and stage > 2 else 1
            lines += _block(f"conv{stage}_{block}", below, maps, width, stride, bottleneck)
            below, maps = lines[-1].split()[0], width * (4 if bottleneck else 1)
    return lines


def _block(name: str, below: str, maps: int, width: int, stride: int, bottleneck: bool) -> list[str]:
    apart = f" stride={stride}" if stride > 1 else ""
    wide = width * (4 if bottleneck else 1)
    fits = wide == maps and stride == 1
    start = "" if fits else f"from {below} | "
    short = below if fits else f"{name}p"
    middle = f"conv {width} 3x3{apart} padding=1 bias=no | batchnorm | relu"
    ways = [
        f"{name}a {start}conv {width} 1x1 bias=no | batchnorm | relu",
        f"{name}b {middle}",
        f"{name}c conv {wide} 1x1 bias=no | batchnorm | add {short} | relu",
    ]
    if not bottleneck:
        ways = [
            f"{name}a {start}{middle}",
            f"{name}b conv {width} 3x3 padding=1 bias=no | batchnorm | add {short} | relu",
        ]
    return ways if fits else [f"{short} from {below} | conv {wide} 1x1{apart} bias=no | batchnorm", *ways]
