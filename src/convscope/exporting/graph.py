"""An ONNX graph while it is put together: nodes, constants, and names that nobody has to think of."""

from __future__ import annotations

from typing import Any

import numpy as np

from convscope.errors import ExportError

OPSET, IR = 17, 8
"""The operators' version and the file format's: old enough for every runtime of the last years."""

Value = str | np.ndarray | np.generic
"""What a node takes in: another's output by name, or a constant."""


class Graph:
    """Nodes in the order in which they were added; every value is known by its name.

    >>> graph = Graph()
    >>> graph.add("Mul", "x", np.float32(2))
    'Mul0'
    """

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._arrays: dict[str, np.ndarray] = {}

    def add(self, kind: str, *values: Value, name: str = "", **attributes: Any) -> str:
        """Add a node with one output, and give the output's name."""
        return self.adds(kind, *values, outputs=1, name=name, **attributes)[0]

    def adds(
        self, kind: str, *values: Value, outputs: int, name: str = "", **attributes: Any
    ) -> tuple[str, ...]:
        """Add a node with several outputs, and give their names."""
        from onnx import helper

        own = name or f"{kind}{len(self.nodes)}"
        given = [value if isinstance(value, str) else self.constant(value) for value in values]
        made = (own, *(f"{own}_{n}" for n in range(1, outputs)))
        self.nodes.append(helper.make_node(kind, given, list(made), name=own, **attributes))
        return made

    def choose(self, mask: str, yes: Value, no: Value) -> str:
        """`yes` where the mask is true, else `no`, of finite float64 numbers; onnxruntime's Where knows none."""
        first = self.cast(mask, np.float64)
        second = self.add("Sub", np.float64(1), first)
        return self.add("Add", self.add("Mul", first, yes), self.add("Mul", second, no))

    def cast(self, value: Value, dtype: type[np.generic]) -> str:
        """A value as another kind of number."""
        return self.add("Cast", value, to=kind_of(dtype))

    def constant(self, array: np.ndarray | np.generic, name: str = "") -> str:
        """A constant's name; equal ones are kept once."""
        array = np.ascontiguousarray(array) if np.ndim(array) else np.asarray(array)
        key = (str(array.dtype), array.shape, array.tobytes())
        if key not in self._constants:
            self._constants[key] = name or f"constant{len(self._constants)}"
            self._arrays[self._constants[key]] = array
        return self._constants[key]

    def model(self, inputs: dict[str, Any], outputs: dict[str, Any], about: dict[str, str]) -> Any:
        """The graph as an ONNX model, checked by onnx. Inputs and outputs are (dtype, shape) by name."""
        import onnx
        from onnx import helper, numpy_helper

        def declared(of: dict[str, Any]) -> list[Any]:
            return [
                helper.make_tensor_value_info(name, kind_of(kind), shape)
                for name, (kind, shape) in of.items()
            ]

        kept = [numpy_helper.from_array(array, name) for name, array in self._arrays.items()]
        graph = helper.make_graph(self.nodes, "convscope", declared(inputs), declared(outputs), kept)
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR, producer_name="convscope"
        )
        helper.set_model_props(model, about)
        onnx.checker.check_model(model, full_check=True)
        return model


def kind_of(dtype: type[np.generic]) -> int:
    """ONNX's number for a kind of values."""
    from onnx import helper

    return helper.np_dtype_to_tensor_dtype(np.dtype(dtype))


def needs_onnx() -> None:
    """Say how to get what exporting needs, where it is not here.

    Raises:
        ExportError: onnx or onnxruntime is not installed.
    """
    try:
        import onnx
        import onnxruntime
    except ImportError as error:
        raise ExportError(
            f"export needs {error.name}, which is not installed: pip install 'convscope[export]'"
        ) from None
    assert onnx and onnxruntime
