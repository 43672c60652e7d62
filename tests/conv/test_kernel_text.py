"""Text and kernels: what can be read, what is printed, and what a wrong text is told."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from convscope.conv import kernels
from convscope.conv.kernel_text import LARGEST_FILE, parse_kernel, to_text
from convscope.conv.kernels import CLASSICS
from convscope.errors import ConvscopeError, KernelError

EVERY = sorted(CLASSICS)
cells = st.floats(allow_nan=True, allow_infinity=True, allow_subnormal=True)


@given(arrays.arrays(np.float64, arrays.array_shapes(min_dims=2, max_dims=3, max_side=5), elements=cells))
def test_a_printed_kernel_reads_back_the_same_to_the_last_bit(kernel: np.ndarray):
    name, back = parse_kernel(to_text(kernel))
    assert name == "typed"
    assert back.shape == kernel.shape
    assert np.array_equal(back, kernel, equal_nan=True)
    known = ~np.isnan(kernel)
    assert (np.signbit(back) == np.signbit(kernel))[known].all()


@given(st.text(max_size=30) | st.text("sobel_x(),=12/0 ;|*-.#\n", max_size=30))
def test_any_text_is_a_kernel_or_an_error_of_one_line(text: str):
    try:
        name, kernel = parse_kernel(text, files=False)
    except ConvscopeError as error:
        assert len(str(error).splitlines()) == 1
    else:
        assert name and kernel.dtype == np.float64 and kernel.size


READS = [
    ("sobel-x", "sobel_x", kernels.sobel_x),
    (" Sobel_X ", "sobel_x", kernels.sobel_x),
    ("sobel_x()", "sobel_x", kernels.sobel_x),
    ("gaussian", "gaussian", kernels.gaussian(1)),
    ("gaussian(2)", "gaussian(2)", kernels.gaussian(2)),
    ("gaussian(sigma = 3/2)", "gaussian(sigma=3/2)", kernels.gaussian(1.5)),
    ("gabor(6, angle=45)", "gabor(6, angle=45)", kernels.gabor(6, angle=45)),
    ("unsharp(amount=2)", "unsharp(amount=2)", kernels.unsharp(1, 2)),
    ("1 0 -1; 2 0 -2; 1 0 -1", "typed", -kernels.sobel_x),
    ("-1,0,1\n-2, 0, 2,\n\n-1,0,1\n", "typed", kernels.sobel_x),
    ("1/9 * 1 1 1; 1 1 1; 1 1 1", "typed", np.full((3, 3), 1 / 9)),
    ("1/4*1,2;3 -4", "typed", np.array([[0.25, 0.5], [0.75, -1]])),
    ("5", "typed", np.array([[5.0]])),
    (".5 2. 1e-3 +1E2 1/4 -3/-4", "typed", np.array([[0.5, 2, 0.001, 100, 0.25, 0.75]])),
    ("nan inf -inf", "typed", np.array([[np.nan, np.inf, -np.inf]])),
    ("1 2 # two\n3 4", "typed", np.array([[1.0, 2], [3, 4]])),
    ("1 2; 3 4 | 5 6; 7 8", "typed", np.array([[[1.0, 2], [3, 4]], [[5, 6], [7, 8]]])),
    ("2 * 1 2 |", "typed", np.array([[[2.0, 4]]])),
]


@pytest.mark.parametrize(("text", "name", "kernel"), READS, ids=[r[0] for r in READS])
def test_text_says_this_kernel(text: str, name: str, kernel: np.ndarray):
    said, read = parse_kernel(text)
    assert said == name
    assert read.shape == kernel.shape
    assert np.array_equal(read, kernel, equal_nan=True)


SUCH = "sobel_x, gaussian(2), or numbers such as `1 0 -1; 2 0 -2; 1 0 -1`"
NUMBER = "a number such as -1, 0.5 or 1/9 was expected, not"
SIGMA = "gaussian: sigma (the bell's standard deviation, in pixels) is a number of at least 0.2, not"

WRONG = [
    ("", f"the kernel's text is empty: give {SUCH}"),
    (" \n", f"the kernel's text is empty: give {SUCH}"),
    ("# a remark", f"the kernel's text is empty: give {SUCH}"),
    ("sobl_x", "there is no kernel 'sobl_x': did you mean sobel_x?"),
    ("gausian(2)", "there is no kernel 'gausian': did you mean gaussian?"),
    ("qqq", f"there is no kernel 'qqq': there are {', '.join(CLASSICS)}"),
    ("no/such.txt", f"there is no file 'no/such.txt': give one that holds a kernel, or {SUCH}"),
    ("sobel_x(3)", "sobel_x takes no parameters, not '3': write sobel_x"),
    ("gaussian(2", "the bracket behind gaussian is not closed at the end: write gaussian(sigma=1)"),
    ("gaussian(2) 3", "the bracket behind gaussian is not closed at the end: write gaussian(sigma=1)"),
    ("gaussian(size=2)", "gaussian has no parameter 'size': write gaussian(sigma=1)"),
    ("gabor(wavelenght=2)", "gabor has no parameter 'wavelenght': did you mean wavelength?"),
    ("gaussian(1, 2)", "gaussian has at most 1 parameter, not 2: write gaussian(sigma=1)"),
    ("gaussian(1, sigma=2)", "gaussian has sigma twice: leave one out"),
    ("dog(ratio=2, 1)", "dog: parameter 2 needs its name, as it follows one with a name"),
    ("gaussian(two)", "gaussian: sigma is a number, not 'two'"),
    ("gaussian(,)", "gaussian: sigma is a number, not ''"),
    ("gaussian(1/0)", "gaussian: sigma is a number, and '1/0' divides by zero"),
    ("gaussian(__import__('os'))", "gaussian: sigma is a number, not \"__import__('os')\""),
    ("gaussian(0)", f"{SIGMA} 0"),
    ("gaussian(-1)", f"{SIGMA} -1"),
    ("gaussian(nan)", f"{SIGMA} nan"),
    (
        "gaussian(171)",
        "gaussian: a kernel has at most 1023 x 1023 cells, not 1027 x 1027: take a smaller sigma",
    ),
    ("box(0)", "box: size (rows and columns, in pixels) is a whole number from 1 to 1023, not 0"),
    ("box(2.5)", "box: size (rows and columns, in pixels) is a whole number from 1 to 1023, not 2.5"),
    ("box(1024)", "box: size (rows and columns, in pixels) is a whole number from 1 to 1023, not 1024"),
    ("line(0, 4)", "line: length (of the line, in pixels) is an odd number from 3 to 1023, not 4"),
    (
        "line(angle=inf)",
        "line: angle (from the right towards the top, in degrees) is a finite number, not inf",
    ),
    ("1 2; 3", "row 2 has 1 number where row 1 has 2: give every row the same"),
    ("1 2 | 1 2; 3", "channel 2, row 2 has 1 number where row 1 has 2: give every row the same"),
    ("1 2; 3 x", f"row 2, number 2: {NUMBER} 'x'"),
    ("1 2; 3 1e", f"row 2, number 2: {NUMBER} '1e'"),
    ("1 ² 3", f"row 1, number 2: {NUMBER} '²'"),
    ("1 - 2", f"row 1, number 2: {NUMBER} '-'"),
    ("1 2/0", "row 1, number 2: a number such as -1, 0.5 or 1/9 was expected, and '2/0' divides by zero"),
    ("1,,2", f"row 1, number 2: {NUMBER[:-4]} not an empty place at a comma"),
    ("1 | 2 y", f"channel 2, row 1, number 2: {NUMBER} 'y'"),
    ("sobel_x | sobel_y", f"channel 1, row 1, number 1: {NUMBER} 'sobel_x'"),
    (
        "1 | | 2",
        "channel 2, no numbers, where a kernel was expected: give such as `1 0 -1; 2 0 -2; 1 0 -1`",
    ),
    (";", "no numbers, where a kernel was expected: give such as `1 0 -1; 2 0 -2; 1 0 -1`"),
    (
        "1 2 | 1 2; 3 4",
        "channel 2 is 2 x 2 where channel 1 is 1 x 2: give every channel the same rows and columns",
    ),
    ("x * 1 2", "the factor before * is a number, not 'x': write such as `1/9 * 1 1 1; 1 1 1`"),
    ("2 * 3 * 1 2", "the factor before * is a number, not '2*3': write such as `1/9 * 1 1 1; 1 1 1`"),
    (" ".join("1" * 1024), "a kernel has at most 1023 x 1023 cells, not 1 x 1024: leave some out"),
    ("z" * 50, f"there is no kernel '{'z' * 37}...': there are {', '.join(CLASSICS)}"),
]


@pytest.mark.parametrize(("text", "message"), WRONG, ids=[w[0][:30] for w in WRONG])
def test_a_wrong_text_says_what_to_do(text: str, message: str):
    with pytest.raises(KernelError) as caught:
        parse_kernel(text)
    assert str(caught.value) == message


@pytest.mark.parametrize("name", EVERY)
def test_every_classic_can_be_written_as_its_usage_says(name: str):
    usage = CLASSICS[name].usage.replace(" [sigma=],", "")  # gabor's follows from its wavelength
    assert np.array_equal(parse_kernel(usage)[1], CLASSICS[name].make())


def test_a_file_holds_a_kernel_as_text(tmp_path):
    path = tmp_path / "my kernel.txt"
    path.write_text("# ours\n0.5 * 1 2\n3 4\n", encoding="utf-8")
    name, kernel = parse_kernel(str(path))
    assert (name, kernel.tolist()) == ("my kernel", [[0.5, 1], [1.5, 2]])
    path.write_text("gaussian(2)", encoding="utf-8")
    assert np.array_equal(parse_kernel(str(path))[1], kernels.gaussian(2))


def test_a_file_is_not_read_where_files_are_not_allowed(tmp_path):
    path = tmp_path / "k.txt"
    path.write_text("1 2", encoding="utf-8")
    with pytest.raises(KernelError, match="row 1, number 1: a number such as"):
        parse_kernel(str(path), files=False)


def test_a_file_does_not_lead_to_another(tmp_path):
    (tmp_path / "a.txt").write_text("1 2", encoding="utf-8")
    (tmp_path / "b.txt").write_text(str(tmp_path / "a.txt"), encoding="utf-8")
    with pytest.raises(KernelError, match="row 1, number 1"):
        parse_kernel(str(tmp_path / "b.txt"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"1 2\n3", "row 2 has 1 number where row 1 has 2: give every row the same"),
        (b"", f"the kernel's text is empty: give {SUCH}"),
        (b"\x93NUMPY\x01\x00", "not a text file; write the kernel as numbers, rows on lines"),
        (
            b"1 " * (LARGEST_FILE // 2 + 1),
            "larger than 1,000,000 bytes; a kernel's file is text with a few numbers",
        ),
    ],
)
def test_a_wrong_file_says_what_to_do(tmp_path, content: bytes, message: str):
    path = tmp_path / "k.txt"
    path.write_bytes(content)
    with pytest.raises(KernelError) as caught:
        parse_kernel(str(path))
    assert str(caught.value) == f"{path}: {message}"


@pytest.mark.parametrize("shape", [(3,), (0, 3), (1, 1, 1, 1)])
def test_what_is_no_kernel_is_not_printed(shape: tuple[int, ...]):
    with pytest.raises(KernelError) as caught:
        to_text(np.zeros(shape))
    assert str(caught.value) == (
        "a kernel is [rows, columns] or [channels, rows, columns] with at least one cell, "
        f"not an array of shape {shape}"
    )
