"""Finding photographs on a large pinboard: of kinds that the net knows, among others that it is to leave alone.

A net is taught five kinds of Imagenette's (training part) with `--background`: photographs of the five other kinds, and
textures. Photographs of the test part, of both, are pinned on boards of a texture that no training saw, at sizes from 64
to 224 pixels. Then `convscope find` is run on them as a user runs it, and judged by the overlap of boxes. Printed, never
tested.

    python benchmarks/scene.py imagenette-160.zip [--run RUN] [--boards 3] [--out FOLDER]

With --run nothing is taught; FOLDER keeps Run, boards and what was found in them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from statistics import mean

import numpy as np
from PIL import Image

from convscope.data.fit import resized
from convscope.finding.boxes import Box
from convscope.finding.judging import mean_average_precision, right

KINDS = ("garbage_truck", "golf_ball", "parachute", "english_springer", "french_horn")
BOARD, BOARDS = (1600, 1200), 3
SIDES = (64, 72, 80, 88, 96, 112, 128, 144, 160, 176, 192, 224)
OTHERS, TEXTURES, APART = 8, 1000, 10


def texture(size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    """A plain surface (width, height) as cork, cloth or plaster have it: two colours, mixed by noise of all sizes."""
    wide, high = size
    mixed, weight = np.zeros((1, high, wide)), rng.uniform(0.4, 0.9)
    for n in range(8):
        cells = (max(1, high >> n), max(1, wide >> n))
        grain = rng.integers(0, 256, (1, *cells), np.uint8)
        mixed += weight**-n * (resized(grain, (high, wide)).astype(float) - 127.5)
    mixed = 1 / (1 + np.exp(-mixed / mixed.std()))
    first, second = (rng.integers(0, 256, (3, 1, 1)) for _ in range(2))
    second = first + (second - first) * rng.uniform(0.1, 0.8)
    return Image.fromarray((first + (second - first) * mixed).astype(np.uint8).transpose(1, 2, 0))


def unpacked(archive: Path, where: Path) -> dict[str, list[Path]]:
    """The photographs in three parts: `five` and `other` to learn from, and `board` to be pinned on boards."""
    parts: dict[str, list[Path]] = {"five": [], "other": [], "board": []}
    with zipfile.ZipFile(archive) as opened:
        for name in sorted(opened.namelist()):
            if name.upper().endswith(".JPEG"):
                part, kind, file = Path(name).parts[-3:]
                place = "board" if part == "val" else "five" if kind in KINDS else "other"
                path = where / place / kind / file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(opened.read(name))
                parts[place].append(path)
    return parts


def taught(where: Path) -> Path:
    """A Run of a net that knows five kinds from all else."""
    rng = np.random.default_rng(1)
    (where / "other" / "textures").mkdir(parents=True, exist_ok=True)
    for n in range(TEXTURES):
        texture((160, 160), rng).save(where / "other" / "textures" / f"{n}.png")
    words = [
        where / "five",
        "--background",
        where / "other",
        "--size",
        64,
        "--out",
        where / "run",
        "--no-report",
    ]
    print(convscope("train", *words))
    return where / "run"


def convscope(*words: object) -> str:
    """What a verb prints."""
    command = [sys.executable, "-m", "convscope", *map(str, words)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def board(photographs: list[Path], rng: np.random.Generator) -> tuple[Image.Image, list[Box]]:
    """A board with photographs of every size, and where those of the five kinds are; and some of others."""
    page, taken, boxes = texture(BOARD, rng), [], []
    known = [path for path in photographs if path.parent.name in KINDS]
    others = [path for path in photographs if path.parent.name not in KINDS]
    chosen = [(side, known) for side in reversed(SIDES)] + [
        (int(rng.choice(SIDES)), others) for _ in range(OTHERS)
    ]
    for side, pile in chosen:
        path = pile[int(rng.integers(len(pile)))]
        for _ in range(1000):
            x, y = (int(rng.integers(0, room - side)) for room in BOARD)
            if all(max(a - x - side, x - a - s, b - y - side, y - b - s) > APART for a, b, s in taken):
                break
        else:
            continue
        taken.append((x, y, side))
        with Image.open(path) as photograph:
            page.paste(photograph.convert("RGB").resize((side, side), Image.Resampling.LANCZOS), (x, y))
        if pile is known:
            boxes.append(Box(path.parent.name, 1.0, x, y, side, side))
    return page, boxes


def searched(run: Path, picture: Path) -> tuple[list[Box], float, int]:
    """What the program finds in a picture, the seconds, and how often the net was asked."""
    words = [
        "--least",
        0.5,
        "--smallest",
        64,
        "--largest",
        230,
        "--json",
        "-o",
        picture.with_suffix(".found.jpg"),
    ]
    said = json.loads(convscope("find", run, picture, *words).splitlines()[-1])
    return [Box(**box) for box in said["boxes"]], said["seconds"], said["forward_passes"]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("archive", type=Path)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--out", type=Path, default=Path("scene"))
    parser.add_argument("--boards", type=int, default=BOARDS)
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    photographs = unpacked(asked.archive, asked.out)["board"]
    run = asked.run or taught(asked.out)
    pairs, seconds = [], []
    for n in range(asked.boards):
        page, there = board(photographs, np.random.default_rng([2, n]))
        page.save(path := asked.out / f"board-{n}.png")
        found, took, asks = searched(run, path)
        pairs.append((found, there))
        seconds.append(took)
        print(f"board {n}: {took:.1f} s, {asks:,} windows")
    print(f"{asked.boards} boards of {BOARD[0]}x{BOARD[1]}, {mean(seconds):.1f} s each")
    print(f"mean average precision at an overlap of 0.5: {mean_average_precision(pairs):.3f}")
    total = sum(len(there) for _, there in pairs)
    for least in (0.5, 0.7, 0.9, 0.95, 0.98):
        sure = [([box for box in found if box.score >= least], there) for found, there in pairs]
        verdicts = [hit for pair in sure for hit in right(*pair)]
        hits = sum(verdicts)
        print(
            f"--least {least:g}: {hits} of {total} found, {(len(verdicts) - hits) / asked.boards:.1f} false finds a board"
        )


if __name__ == "__main__":
    main()
