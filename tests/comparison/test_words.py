"""Encoders against their formulas written out, and machines against LIBLINEAR's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convscope.comparison import encoded
from convscope.comparison.encoded import machine, separated
from convscope.comparison.task import Task
from convscope.comparison.words import (
    Colours,
    Patches,
    atoms,
    counted,
    evened,
    fisher,
    key,
    memberships,
    mixture,
    patches,
)

rng = np.random.default_rng(3)


def mixed() -> tuple[np.ndarray, ...]:
    """Rows, and a mixture's shares, means and deviations."""
    shares = np.array([0.2, 0.5, 0.3])
    return rng.normal(size=(7, 2)), shares, rng.normal(size=(3, 2)), rng.uniform(0.5, 2, size=(3, 2))


def likelihood(rows: np.ndarray, shares: np.ndarray, means: np.ndarray, deviations: np.ndarray) -> float:
    """The mean logarithm of the rows' density, term by term."""
    total = 0.0
    for x in rows:
        density = 0.0
        for w, mu, sigma in zip(shares, means, deviations, strict=True):
            density += w * np.prod(np.exp(-((x - mu) ** 2) / (2 * sigma**2)) / np.sqrt(2 * np.pi) / sigma)
        total += np.log(density)
    return total / len(rows)


def test_fisher_vectors_are_the_formula_written_out():
    rows, shares, means, deviations = mixed()
    part = memberships(rows, shares, means, deviations)
    of_means, of_deviations = np.zeros((3, 2)), np.zeros((3, 2))
    for i, x in enumerate(rows):
        for k in range(3):
            far = (x - means[k]) / deviations[k]
            of_means[k] += part[i, k] * far / (7 * np.sqrt(shares[k]))
            of_deviations[k] += part[i, k] * (far**2 - 1) / (7 * np.sqrt(2 * shares[k]))
    wanted = np.concatenate([of_means.ravel(), of_deviations.ravel()])
    assert fisher(rows, shares, means, deviations) == pytest.approx(wanted)


def test_fisher_vectors_are_the_gradient_of_the_likelihood():
    """The slope by a small step, over the root of the Fisher information: w / sigma^2 of a mean, 2 w / sigma^2 of a deviation."""
    rows, shares, means, deviations = mixed()
    found = fisher(rows, shares, means, deviations).reshape(2, 3, 2)
    for k in range(3):
        for d in range(2):
            step = np.zeros((3, 2))
            step[k, d] = 1e-5
            slope = likelihood(rows, shares, means + step, deviations)
            slope = (slope - likelihood(rows, shares, means - step, deviations)) / 2e-5
            assert found[0, k, d] == pytest.approx(slope * deviations[k, d] / np.sqrt(shares[k]), abs=1e-6)
            slope = likelihood(rows, shares, means, deviations + step)
            slope = (slope - likelihood(rows, shares, means, deviations - step)) / 2e-5
            assert found[1, k, d] == pytest.approx(
                slope * deviations[k, d] / np.sqrt(2 * shares[k]), abs=1e-6
            )


def test_rows_drawn_from_the_mixture_itself_ask_for_no_change():
    _, shares, means, deviations = mixed()
    which = rng.choice(3, 40_000, p=shares)
    rows = means[which] + rng.normal(size=(40_000, 2)) * deviations[which]
    assert np.abs(fisher(rows, shares, means, deviations)).max() < 0.03


def test_machines_are_liblinears():
    from sklearn.svm import LinearSVC

    rows = rng.normal(size=(200, 12)).astype(np.float32)
    labels = (rows[:, 0] + rng.normal(size=200) > 0).astype(int) + (rows[:, 1] > 0)
    weights, offsets = separated(rows, labels, 3, cost=0.7)
    model = LinearSVC(C=0.7, dual=False, intercept_scaling=1000, tol=1e-8).fit(rows, labels)
    assert weights == pytest.approx(model.coef_.T, abs=5e-3)
    assert offsets == pytest.approx(model.intercept_, abs=5e-3)
    shrunk, same = separated(rows / 10, labels, 3, cost=0.7, scale=10.0)
    assert shrunk / 10 == pytest.approx(weights, abs=5e-3)
    assert same == pytest.approx(offsets, abs=5e-3)


def test_patches_are_squares_of_the_picture():
    picture = np.arange(2 * 16, dtype=np.uint8).reshape(1, 2, 4, 4)
    rows, grid = patches(picture, side=2, step=2)
    assert grid == (2, 2)
    assert rows[0, 1].tolist() == [2, 3, 6, 7, 18, 19, 22, 23]
    assert evened(rows[0]).mean(1) == pytest.approx(np.zeros(4), abs=1e-6)


def test_codes_are_what_is_above_the_threshold_by_quarter():
    """Two atoms, of a patch's first pixel and its second; the picture is white where only its left top quarter is."""
    one = Patches(
        np.zeros(4, np.float32), np.eye(4, dtype=np.float32), np.eye(4, dtype=np.float32)[:2], 2, 1, 0.1
    )
    picture = np.zeros((1, 1, 9, 9), np.uint8)
    picture[0, 0, 0, 0] = 255  # the first pixel of the first patch, and of no other
    code = one(picture)[0].reshape(4, 2, 2)
    assert code[0, 0, 0] > 0 and code[0, 0, 1] == 0  # atom 0, above; atom 1 is below the mean
    assert code[0, 1, 1] > 0
    assert not code[1:].any()


def test_a_dictionary_is_of_unit_atoms_and_the_same_again():
    pixels = rng.integers(0, 256, (20, 3, 32, 32)).astype(np.uint8)
    made = [atoms(pixels, seed=1, size=16, side=6, step=2, threshold=0.5) for _ in range(2)]
    assert np.linalg.norm(made[0].atoms, axis=1) == pytest.approx(np.ones(16), abs=1e-5)
    assert key(made[0]) == key(made[1]) != key(atoms(pixels, seed=2, size=16, side=6, step=2, threshold=0.5))


def test_words_are_counted_where_they_lie():
    found = counted(np.array([0, 1, 1]), np.array([[0.1, 0.9], [0.9, 0.1], [0.9, 0.9]]), 2)
    assert found.reshape(5, 2).tolist() == [[1, 2], [0, 0], [1, 0], [0, 1], [0, 1]]


def test_training_pictures_are_encoded_once(tmp_path: Path, monkeypatch):
    seen = []

    class Counting(Colours):
        def __call__(self, pixels: np.ndarray) -> np.ndarray:
            seen.append(len(pixels))
            return super().__call__(pixels)

    monkeypatch.setattr(encoded.words, "Colours", Counting)
    pixels = rng.integers(0, 256, (40, 3, 8, 8)).astype(np.uint8)
    task = Task(pixels, np.arange(40) % 2, 2, 0, tmp_path)
    machine("Colours")(task.take(slice(0, 30)), cost=1.0, bins=2)
    machine("Colours")(task, cost=1.0, bins=2)
    assert sum(seen) == 40


def test_a_mixture_of_one_picture_is_finite():
    pixels = rng.integers(0, 256, (1, 3, 32, 32)).astype(np.uint8)
    assert np.isfinite(mixture(pixels, 0, size=4, components=8, step=8)(pixels)).all()
