"""The tables of docs/why/scale.md: arithmetic and a seeded simulation, from a few figures.

    python benchmarks/scale.py [--check]               print them, or say whether the page has them
    python benchmarks/scale.py --measure PICTURES.zip  a core's decoding on this machine, of 500 x 375 pixels

Each figure says whether it was measured here, published, or assumed.
"""

from __future__ import annotations

import argparse
import io
import math
import sys
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

PAGE = Path(__file__).parents[1] / "docs" / "why" / "scale.md"
DRAWS, SEED = 2000, 0


@dataclass(frozen=True)
class Figure:
    """A number, its unit, and where it is from."""

    value: float
    unit: str
    of: str
    origin: str


DECODED = Figure(
    300,
    "pictures/s",
    "decoding 500 x 375 JPEGs to 224 pixels, one core",
    "measured here by `--measure imagenette-160.zip`: low priority, 2 cores with other work; 297, 303, 305",
)
GPU = Figure(
    2870,
    "pictures/s",
    "ResNet-50's training on one A100",
    "published: FFCV, 16 epochs in 14.9 minutes on 8, sizes below 224 in most of them",
)
PICTURE = Figure(110e3, "bytes", "a picture of ImageNet's size", "assumed")
LINK = Figure(12.5e9, "bytes/s", "between GPUs, each", "assumed: 100 Gbit/s")
STORE = Figure(1.25e9, "bytes/s", "from the store to one machine of 8 GPUs", "assumed: 10 Gbit/s")
CORES = Figure(96, "cores", "of one machine of 8 GPUs", "assumed")
WEIGHTS = Figure(
    25.6e6 * 2, "bytes", "ResNet-50's gradients in 16 bits", "arithmetic: 25.6 million parameters"
)
LATENCY = Figure(10e-6, "s", "a message between GPUs", "assumed")
JITTER = Figure(0.03, "", "spread of a step's time, log-normal, of each GPU by itself", "assumed")
HIDDEN = Figure(0.5, "", "part of the computing during which gradients can travel", "assumed")
GPU_HOUR = Figure(2.0, "$", "a GPU for an hour, its cores included", "assumed")
GB_MONTH = Figure(0.02, "$", "a gigabyte kept for a month", "assumed")
FIGURES = (DECODED, GPU, PICTURE, LINK, STORE, CORES, WEIGHTS, LATENCY, JITTER, HIDDEN, GPU_HOUR, GB_MONTH)
SETS = (("ImageNet-1k", 1_281_167, 90, 8), ("a billion pictures", 1_000_000_000, 1, 256))


def table(heads: list[str], rows: list[list[str]]) -> str:
    """A table of Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def figures() -> str:
    """Where each number is from."""
    rows = [
        [f.of, f"{f.value:,.4g} {f.unit}".strip() if f.value < 1e6 else f"{f.value:.3g} {f.unit}", f.origin]
        for f in FIGURES
    ]
    return table(["what", "figure", "from"], rows)


def limits() -> dict[str, float]:
    """Pictures a second that each part of one machine of 8 GPUs allows."""
    return {
        "8 GPUs": 8 * GPU.value,
        "decoding": CORES.value * DECODED.value,
        "network from the store": STORE.value / PICTURE.value,
    }


def binding() -> str:
    """Which part of one machine gives out first."""
    slowest = min(limits(), key=limits().__getitem__)
    rows = [[name, f"{rate:,.0f}", "binds" if name == slowest else ""] for name, rate in limits().items()]
    return table(["one machine of 8 GPUs", "pictures/s", ""], rows)


def step(gpus: int, batch: float, chance: np.random.Generator) -> float:
    """Seconds of a step: the slowest GPU's computing, and what of a ring's exchange of gradients it does not hide."""
    computing = (
        batch / GPU.value * float(np.exp(JITTER.value * chance.standard_normal((DRAWS, gpus))).max(1).mean())
    )
    if gpus == 1:
        return computing
    exchange = 2 * (gpus - 1) / gpus * WEIGHTS.value / LINK.value + 2 * (gpus - 1) * LATENCY.value
    return computing + max(0.0, exchange - HIDDEN.value * computing)


def scaling() -> str:
    """Strong and weak scaling, simulated."""
    chance = np.random.default_rng(SEED)
    alone_strong, alone_weak = 2048 / step(1, 2048, chance), 256 / step(1, 256, chance)
    rows = []
    for gpus in (1, 2, 4, 8, 16, 32, 64, 128, 256):
        strong, weak = 2048 / step(gpus, 2048 / gpus, chance), gpus * 256 / step(gpus, 256, chance)
        rows.append([
            str(gpus), f"{strong:,.0f}", f"{100 * strong / gpus / alone_strong:.0f} %",
            f"{weak:,.0f}", f"{100 * weak / gpus / alone_weak:.0f} %",
        ])  # fmt: skip
    heads = [
        "GPUs",
        "strong: a batch of 2,048 in all, pictures/s",
        "of ideal",
        "weak: 256 each, pictures/s",
        "of ideal",
    ]
    return table(heads, rows)


def plans() -> str:
    """Bytes, cores, hours and money."""
    chance, rows = np.random.default_rng(SEED), []
    for name, pictures, epochs, gpus in SETS:
        size, speed = pictures * PICTURE.value, gpus * 256 / step(gpus, 256, chance)
        fed = math.ceil(gpus / 8) * min(limits()["decoding"], limits()["network from the store"])
        hours = [pictures * epochs / rate / 3600 for rate in (speed, min(speed, fed))]
        rows += [
            [name, "bytes; shards of 100 MB", f"{size / 1e12:,.2f} TB; {size / 1e8:,.0f}"],
            [
                "",
                f"GPUs; {epochs} epoch{'s' * (epochs > 1)} as fast as they compute",
                f"{gpus}; {hours[0]:,.1f} hours",
            ],
            ["", "then cores that decode", f"{speed / DECODED.value:,.0f}"],
            ["", "and bytes a second from the store, in all", f"{speed * PICTURE.value / 1e9:,.2f} GB/s"],
            [
                "",
                "hours where each epoch is fetched and decoded anew on machines as above",
                f"{hours[1]:,.1f}",
            ],
            ["", "packed once at 224 pixels, not compressed", f"{pictures * 3 * 224**2 / 1e12:,.2f} TB"],
            [
                "",
                "GPUs; keeping the shards",
                f"${hours[1] * gpus * GPU_HOUR.value:,.0f}; ${size / 1e9 * GB_MONTH.value:,.0f} a month",
            ],
        ]
    return table(["set", "what", "figure"], rows)


def measured(path: str) -> float:
    """Pictures a second of processor time that one core decodes."""
    from PIL import Image

    from convscope.data.ordinary import ordinary

    contents = []
    with zipfile.ZipFile(path) as archive:
        for name in [n for n in archive.namelist() if n.lower().endswith((".jpg", ".jpeg"))][::67]:
            file = io.BytesIO()
            Image.open(io.BytesIO(archive.read(name))).convert("RGB").resize((500, 375)).save(
                file, "JPEG", quality=95
            )
            contents.append(file.getvalue())
    start = time.process_time()
    for content in contents:
        ordinary(content, (3, 224, 224), "crop")
    return len(contents) / (time.process_time() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--measure", metavar="PICTURES")
    options = parser.parse_args()
    if options.measure:
        print(f"{measured(options.measure):,.0f} pictures a second of one core's time")
        return
    tables = [figures(), binding(), plans(), scaling()]
    if options.check:
        sys.exit(
            0
            if all(one in PAGE.read_text() for one in tables)
            else "docs/why/scale.md: stale; see benchmarks/scale.py"
        )
    print("\n\n".join(tables))


if __name__ == "__main__":
    main()
