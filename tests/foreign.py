"""Modules that convscope did not build, as users hand them over: residual, gated, returning a dict."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Block(nn.Module):
    """A residual block with one ReLU, in place, that is called twice."""

    def __init__(self, below: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(below, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.down = nn.Sequential(nn.Conv2d(below, width, 1, stride, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(y + self.down(x))


class Residual(nn.Module):
    """A small ResNet, 3x32x32 to 5 classes; `widths` and `size` make it a large one."""

    shape = (3, 32, 32)

    def __init__(self, widths: tuple[int, ...] = (8, 12), blocks: int = 1) -> None:
        super().__init__()
        self.conv1, self.bn1, self.relu = (
            nn.Conv2d(3, widths[0], 7, 2, 3, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(True),
        )
        self.pool = nn.MaxPool2d(3, 2, 1)
        below, rows = widths[0], []
        for n, width in enumerate(widths):
            for b in range(blocks):
                rows.append(Block(below, width, 2 if n and not b else 1))
                below = width
        self.blocks = nn.Sequential(*rows)
        self.fc = nn.Linear(below, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(self.pool(self.relu(self.bn1(self.conv1(x)))))
        return self.fc(torch.flatten(F.adaptive_avg_pool2d(x, 1), 1))


class Gated(nn.Module):
    """Depthwise and grouped convolutions, a squeeze-and-excitation gate, SiLU; it returns a dict."""

    shape = (3, 24, 20)

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 2, 1)
        self.deep = nn.Conv2d(8, 8, 5, 1, 2, groups=8)
        self.squeeze, self.excite = nn.Conv2d(8, 4, 1), nn.Conv2d(4, 8, 1)
        self.head = nn.Conv2d(8, 6, 1, groups=2)
        self.out = nn.Linear(6, 4)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = F.silu(self.deep(F.silu(self.stem(x))))
        x = x * torch.sigmoid(self.excite(F.relu(self.squeeze(x.mean((2, 3), keepdim=True)))))
        return {"logits": self.out(self.head(x).mean((2, 3))), "maps": x}


class Grey(nn.Module):
    """One channel, functional ReLU and pooling, a norm of groups; it returns a tuple."""

    shape = (1, 20, 20)

    def __init__(self) -> None:
        super().__init__()
        self.a, self.norm = nn.Conv2d(1, 4, 5), nn.GroupNorm(2, 4)
        self.b = nn.Conv2d(4, 6, 3)
        self.out = nn.Linear(6 * 6 * 6, 3)

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        x = F.max_pool2d(F.relu(self.norm(self.a(x))), 2)
        return self.out(F.relu(self.b(x)).flatten(1)), None


FOREIGN: dict[str, Callable[[], nn.Module]] = {"residual": Residual, "gated": Gated, "grey": Grey}


def foreign(name: str) -> nn.Module:
    """One of them with fixed random weights, and norms that have seen something."""
    torch.manual_seed(3)
    net = FOREIGN[name]()
    for _ in range(3):
        net.train()(torch.randn(4, *net.shape))
    return net.eval()
