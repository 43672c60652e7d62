"""One of several workers: trains what `asked` lists, one after the other; tests start all of them."""

from __future__ import annotations

import itertools
import json
import sys
from pathlib import Path

from convscope.data.images import images
from convscope.runs import Run
from convscope.training.loop import training
from convscope.training.plan import make_plan, resumed_plan
from convscope.training.recipe import Recipe
from convscope.training.together import joined

if __name__ == "__main__":
    few = images("mnist").first(300)
    few = type(few)(few.name, few.classes, few.train, few.test.take(slice(0, 500)), (), "few")
    with joined("cpu") as (group, device):
        for asked in json.loads(sys.argv[1]):
            path, group.wire = Path(asked["path"]), asked.get("wire", "float32")
            group.sharded = asked.get("sharded", False)
            resume = (path / "run.json").exists()
            plan = (
                resumed_plan(Run(path), few, device)
                if resume
                else make_plan(few, asked["net"], Recipe(**asked["knobs"]), device=device, seed=3)
            )
            last = asked.get("steps")
            steps = itertools.count(1)
            for _ in training(plan, path, resume=resume, group=group, stop=lambda: next(steps) == last):  # noqa: B023
                pass
