"""One method, alone in a process: `python -m convscope.comparison.worker JOB`; it ends when its caller does."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Mapping
from itertools import product
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from convscope.comparison.catalogue import METHODS
from convscope.comparison.features import FEATURES
from convscope.comparison.method import Method
from convscope.comparison.rows import NO_MEMORY
from convscope.comparison.store import Store, laid_out
from convscope.comparison.task import Classifier, Task
from convscope.data.images import Pictures

ASIDE = 6
"""One of so many training pictures is kept aside to choose by."""


def work(job: Mapping[str, Any]) -> None:
    """Choose, learn and answer as the job says, and write the result."""
    store = Store(job["store"])
    method = METHODS[job["method"]]
    train, test = (_pixels_moved(laid_out(store.path / "pictures", part), job) for part in ("train", "test"))
    train = train.take(np.arange(min(job["learned"] or len(train), len(train))))
    folder = store.path / "work" / job["stem"]
    folder.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    shown = FEATURES[method.feature](train.pixels)
    prepared = time.perf_counter() - began
    task = Task(shown, np.asarray(train.labels), job["classes"], job["seed"], folder)
    chosen, tried, choose_seconds = choose(method, task, job["settings"])
    began = time.perf_counter()
    classifier = method.teach(task, **{**job["settings"], **chosen})
    fit_seconds = prepared + time.perf_counter() - began
    answers, predict_seconds = answered(method, classifier, test, job["shifts"])
    store.write(
        job["stem"],
        {
            "status": "measured",
            "job": {k: v for k, v in job.items() if k not in ("store", "stem", "limit")},
            "chosen": chosen,
            "tried": tried,
            "learned": len(train),
            "fit_seconds": round(fit_seconds, 3),
            "choose_seconds": round(choose_seconds, 3),
            "predict_seconds": round(predict_seconds, 3),
            "processor_seconds": round(time.process_time(), 3),
            "parameters": int(classifier.parameters),
            "memory_bytes": peak_memory(),
        },
        answers,
    )


def choose(
    method: Method, task: Task, settings: Mapping[str, Any]
) -> tuple[dict[str, Any], list[dict[str, Any]], float]:
    """The choices with the fewest errors on the last sixth of the training pictures, and what each came to."""
    options = {name: values for name, values in method.choices.items() if name in settings}
    n = min(len(task.labels), method.choose_on)
    aside = n // ASIDE
    if not options or not aside or len(np.unique(task.labels[: n - aside])) < 2:
        return {}, [], 0.0
    began = time.perf_counter()
    learning, watched = task.take(slice(0, n - aside)), task.take(slice(n - aside, n))
    tried = []
    for values in product(*options.values()):
        picked = dict(zip(options, values, strict=True))
        said = method.teach(learning, **{**settings, **picked}).answers(watched.pixels).argmax(1)
        tried.append({**picked, "error_percent": round(100 * float((said != watched.labels).mean()), 3)})
    best = min(tried, key=lambda row: row["error_percent"])
    return {name: best[name] for name in options}, tried, time.perf_counter() - began


def answered(
    method: Method, classifier: Classifier, test: Pictures, shifts: list[int]
) -> tuple[dict[str, np.ndarray], float]:
    """The answers to the test pictures, and to them shifted by so many pixels; and the seconds of the former."""
    feature = FEATURES[method.feature]
    began = time.perf_counter()
    said = {"answers": _finite(classifier.answers(feature(test.pixels)))}
    seconds = time.perf_counter() - began
    for shift in shifts:
        said[f"shift-{shift}"] = _finite(classifier.answers(feature(shifted(np.asarray(test.pixels), shift))))
    return said, seconds


def shifted(pixels: np.ndarray, by: int) -> np.ndarray:
    """Each picture moved by so many pixels, in turn to the right, down, to the left and up; black comes in.

    >>> shifted(np.array([[[[1, 2], [3, 4]]]]), 1).tolist()
    [[[[0, 1], [0, 3]]]]
    """
    moved = np.zeros_like(pixels)
    height, width = pixels.shape[2:]
    for turn, (down, right) in enumerate(((0, by), (by, 0), (0, -by), (-by, 0))):
        to_y, to_x = (slice(max(d, 0), size + min(d, 0)) for d, size in ((down, height), (right, width)))
        of_y, of_x = (slice(max(-d, 0), size + min(-d, 0)) for d, size in ((down, height), (right, width)))
        moved[turn::4, :, to_y, to_x] = pixels[turn::4, :, of_y, of_x]
    return moved


def _pixels_moved(pictures: Pictures, job: Mapping[str, Any]) -> Pictures:
    """The pictures, or with all their pixels in another order, the same for all, where the job says so."""
    if not job["permuted"]:
        return pictures
    n, c, height, width = pictures.pixels.shape
    order = np.random.default_rng(job["permuted"]).permutation(height * width)
    return Pictures(
        pictures.pixels.reshape(n, c, -1)[:, :, order].reshape(n, c, height, width), pictures.labels
    )


def _finite(answers: np.ndarray) -> np.ndarray:
    if not np.isfinite(answers).all():
        raise ValueError("the method answered with numbers that are not finite")
    return np.ascontiguousarray(answers, dtype=np.float32)


def peak_memory() -> int | None:
    """The most bytes of memory that this process ever held; None where the system does not say.

    On Linux of this program alone: what `getrusage` counts begins with the memory of the process that started it.
    """
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    try:
        import resource
    except ImportError:
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most


def _limit(seconds: float | None) -> None:
    """Have the system stop this process after so many seconds of processor time, where it can."""
    if seconds is None:
        return
    with contextlib.suppress(ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (ceil(seconds), ceil(seconds) + 1))


def _end_with_the_caller() -> None:
    def wait() -> None:
        os.read(0, 1)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def main() -> None:
    """Do the job whose file is named on the command line."""
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    _end_with_the_caller()
    _limit(job["limit"])
    try:
        work(job)
    except MemoryError:
        sys.exit(NO_MEMORY)


if __name__ == "__main__":
    main()
