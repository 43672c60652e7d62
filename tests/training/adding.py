"""One of two workers that add up until one is gone; test_nearby.py starts both. Arguments: what this one is to do."""

from __future__ import annotations

import json
import os
import sys

import torch

from convscope import native
from convscope.errors import LostWorkerError
from convscope.training.together import joined


def say(**what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if "lacking" in sys.argv:
        native.missing = lambda: "engine.so was not compiled"
    with joined("cpu") as (group, device):
        say(sums=group.sums, pid=os.getpid())
        count = 0
        try:
            while count < 50 or "on" in sys.argv:
                values = torch.full((70_000,), float(group.rank + count))
                group.add(values)
                assert values.unique().tolist() == [2.0 * count + 1]
                count += 1
                if count == 50:
                    say(added=count)
        except LostWorkerError as error:
            say(lost=str(error))
