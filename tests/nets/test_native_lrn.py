"""Response normalisation by the native engine against the plain one in float64."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from convscope.native import response
from convscope.nets import native_lrn
from convscope.nets.layers import ResponseNorm

pytestmark = pytest.mark.skipif(not response.ready(), reason="the native engine was not compiled")


@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 5), st.integers(1, 12), st.integers(1, 15), st.integers(1, 15)),
    size=st.integers(1, 9),
    beta=st.sampled_from((0.75, 0.5, 1.3)),
    k=st.sampled_from((1.0, 2.0)),
    threads=st.integers(1, 3),
    seed=st.integers(0, 99),
)
def test_forward_and_back_agree_with_the_plain_one_in_float64(shape, size, beta, k, threads, seed):
    generator = torch.Generator().manual_seed(seed)
    x, slope = (torch.randn(shape, generator=generator) * 3 for _ in range(2))
    exact, own = x.double().requires_grad_(), x.clone().requires_grad_()
    wanted = ResponseNorm(size, 0.05, beta, k)(exact)
    wanted.backward(slope.double())
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        got = native_lrn.normalised(own, size, 0.05, beta, k)
        got.backward(slope)
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close(got.double(), wanted, rtol=1e-5, atol=1e-6)
    assert own.grad is not None and exact.grad is not None
    torch.testing.assert_close(own.grad.double(), exact.grad, rtol=1e-4, atol=1e-5)


def test_bfloat16_is_rounded_to_the_nearest_as_pytorch_rounds_it():
    x = (torch.randn(2, 16, 3, 30, generator=torch.Generator().manual_seed(2)) * 4).bfloat16()
    x[0, 3, 1, 1] = float("nan")
    got = native_lrn.normalised(x, 1, 0.0, 0.75, 1.0)  # each value times one
    assert torch.equal(got.nan_to_num(7), x.nan_to_num(7)) and int(got.isnan().sum()) == 1
    x[0, 3, 1, 1] = 0
    wanted = native_lrn.normalised(x.float(), 5, 0.05, 0.75, 2.0).bfloat16()
    assert torch.equal(native_lrn.normalised(x, 5, 0.05, 0.75, 2.0), wanted)


def test_maps_that_do_not_lie_one_behind_another_are_normalised_like_a_copy_of_them():
    whole = torch.randn(2, 6, 5, 8, generator=torch.Generator().manual_seed(3))
    for part in (whole[:, 1:5, :, ::2], whole.to(memory_format=torch.channels_last)):
        wanted = native_lrn.normalised(part.clone().contiguous(), 3, 0.1, 0.75, 2.0)
        assert torch.equal(native_lrn.normalised(part, 3, 0.1, 0.75, 2.0), wanted)


def test_the_layer_takes_it_for_values_in_memory_and_the_plain_way_for_others():
    layer, x = ResponseNorm(5, 0.1, 0.75, 2.0), torch.randn(1, 8, 3, 3)
    assert torch.equal(layer(x), native_lrn.normalised(x, 5, 0.1, 0.75, 2.0))
    assert layer(x.double()).dtype == torch.float64 and layer(x.to("meta")).shape == x.shape
    assert not native_lrn.takes(x.double()) and not native_lrn.takes(x.to("meta"))
