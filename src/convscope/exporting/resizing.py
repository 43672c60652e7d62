"""Pillow's Lanczos filter as ONNX nodes, to the same values: for pictures whose size is only known when they come.

One axis is one product with a matrix [out, in], made inside of the graph from the sizes. Pillow rounds the weights of 8-bit
pictures to 22 binary places and sums whole numbers; so does this, in float64, which holds such sums exactly.
"""

from __future__ import annotations

from math import pi

import numpy as np

from convscope.exporting.graph import Graph, Value

REACH = 3.0
PLACES = 2.0**22


def lanczos(
    graph: Graph, size: Value, start: Value, length: Value, near: Value, first: Value, out: int
) -> str:
    """The matrix [out, size] that resizes an axis, in whole numbers of 2^-22.

    The part of `length` from `start` on, out of `size` pixels, becomes `near` pixels, of which the first lies at row `first`
    of `out`; rows before and behind are 0. All but `out` are float64 scalars that the graph knows.
    """
    add = graph.add
    scale = add("Div", length, near)
    wide = add("Max", scale, np.float64(1))
    reach = add("Mul", wide, np.float64(REACH))
    rows = add("Sub", np.arange(out, dtype=np.float64)[:, None], first)
    middle = add("Add", add("Mul", add("Add", rows, np.float64(0.5)), scale), start)
    lowest = add("Floor", add("Add", add("Sub", middle, reach), np.float64(0.5)))
    highest = add("Floor", add("Add", add("Add", middle, reach), np.float64(0.5)))
    pixels = add("Range", np.float64(0), size, np.float64(1))
    inside = add("And", add("GreaterOrEqual", pixels, lowest), add("Less", pixels, highest))
    there = add("And", add("GreaterOrEqual", rows, np.float64(0)), add("Less", rows, near))
    away = add("Div", add("Add", add("Sub", pixels, middle), np.float64(0.5)), wide)
    held = add("And", add("GreaterOrEqual", away, np.float64(-REACH)), add("Less", away, np.float64(REACH)))
    shape = add("Mul", _sinc(graph, away), _sinc(graph, add("Div", away, np.float64(REACH))))
    counted = add("And", add("And", inside, there), held)
    weights = add("Mul", shape, graph.cast(counted, np.float64))
    total = add("ReduceSum", weights, np.array([1]), keepdims=1)
    total = add("Add", total, graph.cast(add("Equal", total, np.float64(0)), np.float64))
    parts = add("Mul", add("Div", weights, total), np.float64(PLACES))
    size_of = add("Floor", add("Add", add("Abs", parts), np.float64(0.5)))  # halves go away from 0
    return add("Mul", add("Sign", parts), size_of)


def resized(graph: Graph, pixels: str, rows: str, columns: str) -> str:
    """Pictures [n, c, y, x] of whole float64 numbers, by the matrices of both axes: first along the rows, as Pillow does."""
    narrow = _rounded(graph, graph.add("MatMul", pixels, graph.add("Transpose", columns, perm=[1, 0])))
    return _rounded(graph, graph.add("MatMul", rows, narrow))


def _rounded(graph: Graph, sums: str) -> str:
    up = graph.add("Div", graph.add("Add", sums, np.float64(PLACES / 2)), np.float64(PLACES))
    return graph.add("Clip", graph.add("Floor", up), np.float64(0), np.float64(255))


def _sinc(graph: Graph, x: str) -> str:
    """sin(pi x) / (pi x), and 1 at 0."""
    none = graph.cast(graph.add("Equal", x, np.float64(0)), np.float64)
    angle = graph.add("Mul", graph.add("Add", x, none), np.float64(pi))
    ratio = graph.add("Div", graph.add("Sin", angle), angle)  # of 0 the sine of pi, so nearly nothing
    return graph.add("Add", ratio, none)
