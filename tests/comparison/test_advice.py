"""The practical answer, for and against."""

from __future__ import annotations

import numpy as np

from convscope.comparison.advice import advice
from convscope.comparison.catalogue import METHODS
from convscope.comparison.rows import Row


def row(name: str, wrong: int, seconds: float = 10.0) -> Row:
    """A method that names the first of 1,000 pictures wrongly."""
    truth = np.zeros(1000, int)
    said = (np.arange(1000) < wrong).astype(int)
    record = {"processor_seconds": seconds, "predict_seconds": 2.0, "parameters": 1234}
    return Row(METHODS[name], "measured", 100, 0, truth=truth, said=said, record=record)


def test_a_net_that_is_far_ahead_is_needed():
    need, price, close = advice((row("linear", 600), row("fisher", 300), row("cifar", 100, 900)))
    assert need.startswith(
        "Yes, a convolutional network is worth it here: 20.0 points fewer errors (cifar names 10.00 %"
    )
    assert "cifar 900 processor seconds in all, 2 ms to answer a picture, 1,234 numbers to keep" in price
    assert (
        close
        == "No simpler method comes within 2 points: the next, SIFT, Fisher vectors, linear SVM, is 20.0 behind."
    )


def test_a_cheap_method_that_is_close_is_named():
    close = advice((row("linear", 115, 1), row("fisher", 110), row("cifar", 100, 900)))[2]
    assert close == "The cheapest method within 2 points is Linear: 11.50 % after 1 processor seconds."


def test_a_net_that_loses_is_not_needed():
    assert advice((row("fisher", 100), row("cifar", 300)))[0].startswith(
        "No, another method is better here by 20.0"
    )


def test_what_cannot_be_told_apart_is_said():
    need = advice((row("fisher", 101), row("cifar", 100)))[0]
    assert need.startswith(
        "These test pictures do not tell a convolutional network from the best other method"
    )


def test_what_was_not_run_is_said():
    left = Row(METHODS["alexnet"], "left out: needs about 17 hours here: --budget full, or a GPU", 0, 0)
    assert advice((row("linear", 9), left)) == (
        "Not run, since they take hours on this machine: 1 of the methods (AlexNet).",
    )
