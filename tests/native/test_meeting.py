"""Sums over processes in shared memory, against NumPy; threads take the processes' part, since each has a mapping of its own."""

from __future__ import annotations

import os
import threading

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from convscope.native import Meeting, memory
from convscope.native.meeting import KINDS, ROOM

pytestmark = pytest.mark.skipif(
    not hasattr(os, "memfd_create"), reason="this system has no memory without a name"
)
PATIENT = 10_000_000
"""Microseconds, for cores that are busy with something else."""


def met(values: list[list[torch.Tensor]]) -> list[list[torch.Tensor]]:
    """What each of the processes has after adding up its tensors, one after the other."""
    size = len(values)
    descriptor, given_back = memory(size), [[v.clone() for v in own] for own in values]
    meetings = [Meeting(descriptor, rank, size) for rank in range(size)]
    os.close(descriptor)

    def work(rank: int) -> None:
        for v in given_back[rank]:
            assert meetings[rank].add(
                v.data_ptr(), v.numel(), str(v.dtype).removeprefix("torch."), 6 * PATIENT
            )

    threads = [threading.Thread(target=work, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for meeting in meetings:
        meeting.close()
    return given_back


def in_order(values: list[torch.Tensor]) -> np.ndarray:
    """Their sum in the order of ranks; bfloat16 as float32, rounded once."""
    arrays = [v.float().numpy() if v.dtype == torch.bfloat16 else v.numpy() for v in values]
    total = arrays[0].copy()
    for array in arrays[1:]:
        total = total + array
    rounded = torch.from_numpy(total).to(values[0].dtype)
    return rounded.double().numpy()


@settings(max_examples=25, deadline=None)
@given(
    size=st.integers(1, 4),
    rounds=st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 3000)), min_size=1, max_size=8),
    seed=st.integers(0, 2**32 - 1),
)
def test_each_process_has_the_sum_to_the_bit(size, rounds, seed):
    generator = torch.Generator().manual_seed(seed)
    values = [
        [torch.randn(n, generator=generator).to(getattr(torch, kind)) for kind, n in rounds]
        for _ in range(size)
    ]
    for given_back in met(values):
        for n, total in enumerate(given_back):
            np.testing.assert_array_equal(total.double().numpy(), in_order([own[n] for own in values]))


@pytest.mark.parametrize("kind", KINDS)
def test_more_than_there_is_room_for_is_added_up_in_parts(kind):
    dtype = getattr(torch, kind)
    count = 2 * ROOM // dtype.itemsize + 12345
    values = [
        [torch.randn(count, generator=torch.Generator().manual_seed(rank)).to(dtype)] for rank in (0, 1)
    ]
    for given_back in met(values):
        np.testing.assert_array_equal(given_back[0].double().numpy(), in_order([values[0][0], values[1][0]]))


def test_a_sum_of_many_rounds_loses_none():
    values = [[torch.tensor([float(n), rank, 1.0]) for n in range(3000)] for rank in range(2)]
    for given_back in met(values):
        assert torch.stack(given_back).tolist() == [[2.0 * n, 1.0, 2.0] for n in range(3000)]


def test_infinities_and_what_is_no_number_come_through():
    halves = torch.tensor([float("inf"), float("-inf"), float("nan"), 3e38]).bfloat16()
    for given_back in met([[halves], [torch.tensor([float("inf"), 1.0, 1.0, 3e38]).bfloat16()]]):
        assert str(given_back[0].tolist()) == "[inf, -inf, nan, inf]"


def test_a_sum_goes_on_where_somebody_comes_late():
    descriptor = memory(2)
    early, late = (Meeting(descriptor, rank, 2) for rank in range(2))
    os.close(descriptor)
    one, other = torch.ones(3), torch.full((3,), 2.0)
    assert not early.add(one.data_ptr(), 3, "float32", 100)
    assert not early.has(1)
    thread = threading.Thread(target=late.add, args=(other.data_ptr(), 3, "float32", PATIENT))
    thread.start()
    while not early.add(one.data_ptr(), 3, "float32", 1000):
        pass
    thread.join()
    assert early.has(1)
    assert one.tolist() == other.tolist() == [3.0, 3.0, 3.0]
    early.close()
    with pytest.raises(ValueError, match=r"^this meeting is closed$"):
        early.add(one.data_ptr(), 3, "float32", 100)


def test_memory_of_another_size_is_refused():
    descriptor = memory(2)
    with pytest.raises(RuntimeError, match=r"^no memory for process 2 of 3 that add up$"):
        Meeting(descriptor, 2, 3)
    os.close(descriptor)
