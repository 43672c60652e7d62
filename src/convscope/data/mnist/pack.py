"""Makes the xz files beside this script from the four original .gz files.

Example: python src/convscope/data/mnist/pack.py ../shared/data/mnist
"""

from __future__ import annotations

import gzip
import lzma
import sys
from pathlib import Path

NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
# Tried on the test pictures (7.84 MB): preset 9 | EXTREME 1,364,576 bytes; preset 6 1,374,500; lc=1 1,369,636;
# a delta filter of distance 1 or 28 over 1,628,000, since most of a digit is flat already.
FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": 0, "lp": 0, "pb": 0}]
# Parts of this size decode in parallel; cutting the training pictures into six costs 4 KB.
PART = 10_000 * 28 * 28


def pack(originals: Path, target: Path) -> int:
    """Write the parts of the four files found in `originals` into `target`; gives their size in bytes."""
    total = 0
    for name in NAMES:
        whole = gzip.decompress((originals / f"{name}.gz").read_bytes())
        for number, start in enumerate(range(0, len(whole), PART)):
            packed = lzma.compress(
                whole[start : start + PART], lzma.FORMAT_XZ, check=lzma.CHECK_CRC32, filters=FILTERS
            )
            (target / f"{name}.{number}.xz").write_bytes(packed)
            total += len(packed)
    return total


if __name__ == "__main__":
    sys.exit(0 if pack(Path(sys.argv[1]), Path(__file__).parent) <= 10_000_000 else 1)
