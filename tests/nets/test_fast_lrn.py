"""Response normalisation by Triton, through its interpreter where there is no GPU, against the plain one in float64."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from types import ModuleType

import pytest
import torch

from convscope.nets import fast_lrn
from convscope.nets.layers import ResponseNorm

pytestmark = pytest.mark.skipif(
    not fast_lrn.available(), reason="Triton is not here: pip install triton (it has wheels for Linux)"
)


@pytest.fixture(scope="module")
def interpreted() -> Iterator[ModuleType]:
    """The module once more, its kernels run by Triton's interpreter."""
    spec = importlib.util.spec_from_file_location("interpreted_lrn", fast_lrn.__file__)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRITON_INTERPRET", "1")
        spec.loader.exec_module(module)
        yield module


CASES = [
    ((2, 7, 3, 5), 5, 0.02, 0.75, 2.0),
    ((1, 96, 4, 4), 5, 1e-4, 0.75, 2.0),
    ((3, 4, 2, 2), 4, 0.3, 0.5, 1.0),
    ((2, 3, 1, 1), 9, 0.5, 1.5, 0.5),
    ((1, 1, 40, 40), 1, 0.1, 0.75, 1.0),
]


@pytest.mark.parametrize(("shape", "size", "alpha", "beta", "k"), CASES, ids=str)
@pytest.mark.parametrize(
    "layout", [torch.contiguous_format, torch.channels_last], ids=["maps", "channels-last"]
)
def test_forward_and_back_agree_with_the_plain_one_in_float64(
    interpreted, shape, size, alpha, beta, k, layout
):
    generator = torch.Generator().manual_seed(1)
    x, given = (torch.randn(shape, generator=generator) * 3 for _ in range(2))
    exact = x.double().requires_grad_()
    wanted = ResponseNorm(size, alpha, beta, k)(exact)
    wanted.backward(given.double())
    own = x.clone(memory_format=layout).requires_grad_()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's, of lanes that are masked
        got = interpreted.normalised(own, size, alpha, beta, k)
        got.backward(given)
    assert got.stride() == own.stride()
    torch.testing.assert_close(got.double(), wanted, rtol=1e-5, atol=1e-6)
    assert own.grad is not None and exact.grad is not None
    torch.testing.assert_close(own.grad.double(), exact.grad, rtol=1e-4, atol=1e-5)


def test_bfloat16_stays_and_its_sums_are_of_float32(interpreted):
    x = (torch.randn(2, 16, 3, 3, generator=torch.Generator().manual_seed(2)) * 4).bfloat16()
    got = interpreted.normalised(x, 5, 0.05, 0.75, 2.0)
    assert got.dtype == torch.bfloat16
    wanted = ResponseNorm(5, 0.05, 0.75, 2.0)(x.double()).bfloat16()
    torch.testing.assert_close(got, wanted, rtol=2**-7, atol=0)


def test_a_part_of_a_larger_tensor_is_normalised_like_a_copy_of_it(interpreted):
    whole = torch.randn(2, 6, 5, 8, generator=torch.Generator().manual_seed(3))
    part = whole[:, 1:5, :, ::2]
    torch.testing.assert_close(
        interpreted.normalised(part, 3, 0.1, 0.75, 2.0), ResponseNorm(3, 0.1, 0.75, 2.0)(part)
    )


COMPILE = """
from convscope.nets import fast_lrn
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource, compile
fixed = {"BELOW": 2, "ABOVE": 2, "BLOCK": 1024}
for kernel in (fast_lrn._forward, fast_lrn._backward):
    types = dict.fromkeys(kernel.arg_names, "i32") | dict.fromkeys(fixed, "constexpr")
    types |= {name: "*bf16" for name in ("x", "y", "gradient", "back") if name in types}
    types |= dict.fromkeys(("alpha", "beta", "k"), "fp32")
    made = compile(ASTSource(kernel, types, fixed), target=GPUTarget("cuda", 90, 32))
    print(made.asm["ptx"].count("ld.global"))
"""


def test_the_kernels_compile_for_a_gpu_that_is_not_here(tmp_path):
    """What the interpreter, which leaves Triton unfit for it, cannot tell: that the compiler takes them."""
    # Triton 3.9 warns where the last one is not set.
    own = {"TRITON_CACHE_DIR": str(tmp_path), "TRITON_INTERPRET": "0", "TRITON_DEFAULT_FP_FUSION": "1"}
    done = subprocess.run(
        [sys.executable, "-c", COMPILE], env={**os.environ, **own}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    forward, back = map(int, done.stdout.split())
    assert back > forward >= 5


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_the_layer_takes_it_on_a_gpu(dtype):
    layer = ResponseNorm(5, 0.02, 0.75, 2.0)
    x = torch.randn(4, 96, 27, 27, device="cuda", dtype=dtype).to(memory_format=torch.channels_last)
    wanted = layer(x.cpu().double())
    torch.testing.assert_close(layer(x).cpu().double(), wanted, rtol=2**-7, atol=1e-5)
