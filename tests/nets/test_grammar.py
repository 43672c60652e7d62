"""A net's text: what it says, what it may not say, and that printing undoes parsing."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convscope.errors import ConvscopeError, StackError
from convscope.nets.grammar import parse
from convscope.nets.stack import Stack
from convscope.nets.steps import KINDS
from convscope.nets.zoo import ENTRIES, find, zoo

HEAD = "input 1x28x28\n"

WRONG = [
    ("", "the text is empty: begin with a line such as `input 1x28x28`"),
    ("# only a remark", "the text is empty: begin with a line such as `input 1x28x28`"),
    (
        "imput 1x28x28",
        "line 1, column 1: the first line says the picture, such as `input 1x28x28`, not 'imput'",
    ),
    ("input", "line 1, column 1: input needs channels x height x width, such as 1x28x28"),
    ("input 28x28", "line 1, column 7: channels x height x width, such as 1x28x28 was expected, not '28x28'"),
    (
        "input 1x0x28",
        "line 1, column 7: channels x height x width, such as 1x28x28 was expected, not '1x0x28'",
    ),
    (
        "input 1x28x28 range=1..0",
        "line 1, column 21: the values of black and white, such as -0.1..1.175 was expected, not '1..0'",
    ),
    ("input 1x28x28 mean=1", "line 1, column 15: input takes one option, range or centred, not 'mean=1'"),
    (
        "input 1x28x28 centred range=0..1",
        "line 1, column 23: input takes one option, range or centred, not 'range=0..1'",
    ),
    ("input 1x28x28", "line 1, column 1: a net has at least one layer: add a line such as `out linear 10`"),
    (HEAD + "a", "line 2, column 1: a step was expected behind 'a', such as `conv 16 5x5`"),
    (HEAD + "a |", "line 2, column 3: a step was expected before the bar"),
    (HEAD + "a linear 10 |", "line 2, column 13: a step was expected behind '|', such as `conv 16 5x5`"),
    (HEAD + "a cnv 6 5x5", "line 2, column 3: there is no step 'cnv': did you mean conv?"),
    (HEAD + "a qqq", f"line 2, column 3: there is no step 'qqq': there are {', '.join(KINDS)}"),
    (
        HEAD + "1a conv 6 5x5",
        "line 2, column 1: a layer's name is letters, digits, - and _ and begins with a letter, not '1a'",
    ),
    (HEAD + "input conv 6 5x5", "line 2, column 1: a net has one input, in its first line"),
    (
        HEAD + "a conv 6 5x5\na conv 6 5x5",
        "line 3, column 1: the name a is taken by line 2: choose another",
    ),
    (
        HEAD + "a conv 6",
        "line 2, column 3: conv needs its kernel, a size such as 5x5: "
        "conv WIDTH KERNEL [stride=] [padding=] [dilation=] [groups=] [maps=] [bias=] [init=]",
    ),
    (HEAD + "a conv six 5x5", "line 2, column 8: a whole number of at least 1 was expected, not 'six'"),
    (HEAD + "a conv 0 5x5", "line 2, column 8: a whole number of at least 1 was expected, not '0'"),
    (
        HEAD + "a conv 99999999 5x5",
        "line 2, column 8: a whole number of at least 1 was expected, not '99999999'",
    ),
    (HEAD + "a conv 6 5x5x5", "line 2, column 10: a size such as 5x5 was expected, not '5x5x5'"),
    (
        HEAD + "a max 2x2 3",
        "line 2, column 11: max KERNEL [stride=] [padding=] takes no more words, but here is '3'",
    ),
    (
        HEAD + "a conv 6 5x5 pad=2",
        "line 2, column 14: conv has no option 'pad': it has stride, padding, dilation, groups, maps, bias, init",
    ),
    (HEAD + "a relu x=1", "line 2, column 8: relu has no option 'x': it takes none"),
    (HEAD + "a conv 6 5x5 stride=1 stride=2", "line 2, column 23: stride is said twice"),
    (HEAD + "a conv 6 5x5 stride=0", "line 2, column 21: a stride such as 2 or 2x1 was expected, not '0'"),
    (
        HEAD + "a relu",
        "line 2, column 3: a line begins with an operation; put relu behind the one before: ... | relu",
    ),
    (
        HEAD + "a conv 6 29x29",
        "line 2, column 3: a window of 29x29 does not fit the map before it, 28x28 with its padding: "
        "conv 28x28 would fit, so would padding=1, or an input that leaves 29x29 here",
    ),
    (
        HEAD + "a max 40x2",
        "line 2, column 3: a window of 40x2 does not fit the map before it, 28x28 with its padding: "
        "max 28x2 would fit, or an input that leaves 40x2 here",
    ),
    (
        HEAD + "a conv 6 5x5 groups=4",
        "line 2, column 3: groups=4 does not divide 1 maps in and 6 out: 1 would",
    ),
    (
        HEAD + "a conv 2 5x5 maps=0/0/0",
        "line 2, column 3: maps lists 3 maps, but conv makes 2: list as many",
    ),
    (HEAD + "a conv 2 5x5 maps=0/1", "line 2, column 3: maps names map 1, but below are 0 to 0"),
    (
        HEAD + "a conv 2 5x5 maps=0,0/0",
        "line 2, column 19: a table such as 0,1,2/1,2,3 (for each map, the maps below it, each once) "
        "was expected, not '0,0/0'",
    ),
    (
        HEAD + "a subsample 2x2 maps=3",
        "line 2, column 3: each entry of subsample's maps is one map from 0 to 0",
    ),
    (
        HEAD + "a dropout 1.5",
        "line 2, column 11: a fraction from 0 up to 1, such as 0.5 was expected, not '1.5'",
    ),
    (
        HEAD + "a rbf 10",
        "line 2, column 3: the digits' codes are 10 bitmaps of 84 pixels: "
        "rbf 10 over 84 values was expected, not rbf 10 over 784",
    ),
    (HEAD + "a linear 84 | rbf 10 codes=x", "line 2, column 28: one of digits was expected, not 'x'"),
    (
        HEAD + "a max 3x3 padding=2",
        "line 2, column 3: padding=2 would leave max windows with nothing in them: at most 1",
    ),
    (
        HEAD + "a max 3x3 padding=same",
        "line 2, column 3: max takes a padding in pixels, such as padding=1, not same",
    ),
    (
        HEAD + "a conv 3 3x3 init=0",
        "line 2, column 19: the standard deviation of the first weights and, behind a comma, the first biases, "
        "such as 0.01 or 0.01,1 was expected, not '0'",
    ),
    (
        HEAD + "a linear 3 init=0.1,1 bias=no",
        "line 2, column 3: init gives the biases 1, but bias=no has none: leave out one of them",
    ),
    (
        HEAD + "a conv 3 3x3 | lrn beta=nan",
        "line 2, column 25: a number above 0, such as 0.75 was expected, not 'nan'",
    ),
    (HEAD + "a adaptive 0x1", "line 2, column 12: a size such as 5x5 was expected, not '0x1'"),
    (
        HEAD + "a conv 4 3x3; b add aa",
        "line 2, column 21: there is no layer 'aa' above: did you mean a?",
    ),
    (
        HEAD + "a conv 4 3x3; b from q | conv 4 3x3",
        "line 2, column 22: there is no layer 'q' above: there are input, a",
    ),
    (
        HEAD + "a conv 4 3x3; b add b",
        "line 2, column 21: there is no layer 'b' above: there are input, a",
    ),
    (
        HEAD + "a conv 4 3x3; b conv 4 3x3 stride=2 | add a",
        "line 2, column 39: add takes two of one shape, but a gives 4x26x26 and here are 4x12x12: "
        "give both as many maps of the same size",
    ),
    (
        HEAD + "a conv 4 3x3; b conv 8 3x3 stride=2x1 padding=1 | add a",
        "line 2, column 51: add takes two of one shape, but a gives 4x26x26 and here are 8x13x26: "
        "add a layer such as `short from a | conv 8 1x1 stride=2x1` above, and add that instead",
    ),
    (
        HEAD + "a conv 4 3x3 | from input",
        "line 2, column 16: from begins a line: give what it begins a line of its own",
    ),
    (
        HEAD + "a conv 4 3x3; b from a",
        "line 2, column 22: a step was expected behind 'a': | and what is done with it",
    ),
    (
        HEAD + "a conv 4 3x3; b conv 4 3x3; c from a | linear 3",
        "line 2, column 15: nothing takes in what b gives: a line below must add it, or begin from it",
    ),
    (HEAD + "a conv 4 3x3; b add 7", "line 2, column 21: the name of a layer above was expected, not '7'"),
    (
        HEAD + "a linear 1000000; b linear 10 ; c cnv",
        "line 2, column 35: there is no step 'cnv': did you mean conv?",
    ),
]


@pytest.mark.parametrize(("text", "message"), WRONG, ids=[message[:60] for _, message in WRONG])
def test_a_wrong_text_is_refused_with_the_place_and_the_cure(text: str, message: str):
    with pytest.raises(StackError) as caught:
        parse(text)
    assert str(caught.value) == message


@pytest.mark.parametrize("name", list(zoo))
def test_printing_a_net_of_the_zoo_and_parsing_it_gives_the_same_net(name: str):
    assert parse(str(zoo[name])) == zoo[name]


sizes = st.tuples(st.integers(1, 3), st.integers(1, 3))
steps = st.one_of(
    st.builds(
        "conv {} {}x{} stride={} padding={} bias={}".format,
        st.integers(1, 4), st.integers(1, 3), st.integers(1, 3), st.integers(1, 2),
        st.sampled_from(["same", "valid", "1", "2x0"]), st.sampled_from(["yes", "no"]),
    ),
    st.builds("max {}x{}".format, st.integers(1, 3), st.integers(1, 3)),
    st.builds("avg {} stride={}".format, st.integers(1, 3), st.integers(1, 3)),
    st.builds("subsample {}".format, st.integers(1, 2)),
    st.builds(
        "max 3x{} stride={} padding={}".format, st.integers(2, 3), st.integers(1, 2), st.sampled_from(["1", "0x1", "0"])
    ),
    st.builds("adaptive {}x{}".format, st.integers(1, 9), st.integers(1, 9)),
    st.just("global"),
    st.builds(
        "linear {} init={},{}".format, st.integers(1, 20), st.floats(1e-6, 9), st.floats(-9, 9, allow_subnormal=False)
    ),
    st.builds("linear {}".format, st.integers(1, 20)),
)  # fmt: skip
tails = st.lists(
    st.sampled_from(
        ["relu", "tanh", "sigmoid", "squash", "batchnorm", "dropout 0.25", "lrn", "lrn size=3 k=1 beta=0.5"]
    ),
    max_size=2,
)
lines = st.lists(st.tuples(steps, tails), min_size=1, max_size=4)


@given(st.sampled_from(["1x12x12", "3x9x14 range=-1.5..2.0", "2x9x9 centred"]), lines)
@settings(max_examples=100, deadline=None)
def test_printing_undoes_parsing(head: str, drawn: list[tuple[str, list[str]]]):
    text = f"input {head}\n" + "\n".join(
        f"layer{i} " + " | ".join([step, *tail]) for i, (step, tail) in enumerate(drawn)
    )
    try:
        stack = parse(text)
    except StackError as error:
        assert error.line > 1
        return
    assert parse(str(stack)) == stack


@given(
    st.data(),
    st.lists(st.sampled_from(["conv 3 3x3 padding=1", "conv 3 1x1 bias=no"]), min_size=2, max_size=6),
)
@settings(max_examples=60, deadline=None)
def test_printing_undoes_parsing_where_layers_take_in_others(data: st.DataObject, drawn: list[str]):
    text, names = "input 3x6x6\n", ["input"]
    for n, step in enumerate(drawn):
        start = data.draw(st.sampled_from(["", *names]))
        more = data.draw(st.lists(st.sampled_from(names), max_size=2))
        text += (
            f"l{n} "
            + " | ".join([*([f"from {start}"] if start else []), step, *(f"add {m}" for m in more)])
            + "\n"
        )
        names.append(f"l{n}")
    try:
        stack = parse(text)
    except StackError as error:
        assert "nothing takes in what" in str(error)
        return
    assert parse(str(stack)) == stack


@given(st.text(max_size=200) | st.text("input 1x28;conv\n|=a,/.", max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_text_is_a_net_or_a_stack_error(text: str):
    try:
        assert isinstance(parse(text), Stack)
    except ConvscopeError as error:
        assert "\n" not in str(error)


def test_a_net_is_found_by_name_by_text_and_by_file(tmp_path):
    text = "input 1x28x28; out linear 10"
    file = tmp_path / "my.net"
    file.write_text(text)
    assert find(str(file)) == find(text) == parse(text)
    assert find("lenet5") == zoo["lenet5"]


def test_a_net_that_is_nowhere_is_said_so_with_the_nearest_name():
    with pytest.raises(StackError, match=r"^lenet6: no net of the zoo and no file; did you mean lenet"):
        find("lenet6")


def test_a_file_that_is_no_text_is_said_so(tmp_path):
    file = tmp_path / "net.bin"
    file.write_bytes(bytes(range(128, 256)))
    with pytest.raises(StackError, match=r"net\.bin: not a net's text"):
        find(str(file))


def test_an_error_in_a_file_names_the_file(tmp_path):
    file = tmp_path / "my.net"
    file.write_text("input 1x28x28\nout liner 10")
    with pytest.raises(
        StackError, match=r"my\.net, line 2, column 5: there is no step 'liner': did you mean linear\?"
    ):
        find(str(file))


def test_every_net_of_the_zoo_says_what_it_is_and_where_from():
    assert len({e.name for e in ENTRIES}) == len(ENTRIES)
    for e in ENTRIES:
        assert e.title
        assert e.source
