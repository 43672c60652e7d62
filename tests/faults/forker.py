"""Trains when it is told to, each training in a process of its own that may be killed: a line of JSON in, lines out.

It has imported all that a training needs and never trains itself, so a child begins at once. In: {"path", "resume"}.
Out: {"pid"} when the child has begun, and {"status"} when it has ended: its exit code, or minus the signal.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from convscope.data.images import images
from convscope.errors import ConvscopeError
from convscope.runs import Run
from convscope.training.loop import training
from convscope.training.plan import make_plan, resumed_plan
from convscope.training.recipe import Recipe

NET = "input 1x28x28; a conv 6 5x5 | relu; p max 2x2; b conv 12 5x5 stride=2 | relu | dropout 0.2; out linear 10"
RECIPE = Recipe(epochs=4, batch=50, shift=2.0, average=0.99, validation=0.1)
PICTURES = 2000


def say(**told: object) -> None:
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


def train(path: Path, resume: bool) -> int:
    few = images("mnist").first(PICTURES)
    try:
        plan = (
            resumed_plan(Run(path), few, "cpu")
            if resume
            else make_plan(few, NET, RECIPE, seed=7, device="cpu")
        )
        for _ in training(plan, path, resume=resume):
            pass
    except ConvscopeError as error:
        say(error=str(error))
        return 1
    return 0


def main() -> None:
    images("mnist")
    say(ready=True)
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if child == 0:
            sys.stdin.close()
            os._exit(train(Path(asked["path"]), asked["resume"]))
        say(pid=child)
        status = os.waitpid(child, 0)[1]
        say(status=os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
