"""All methods, each registered once: `--list`, the docs, the report and the contract test are made from this table."""

from __future__ import annotations

from convscope.comparison import classic, learned, photographs
from convscope.comparison.method import Method
from convscope.errors import MethodError, instead

METHODS: dict[str, Method] = {
    method.name: method for method in (*classic.METHODS, *learned.METHODS, *photographs.METHODS)
}
"""Every method by name, in the order of the table of 1998, those for photographs behind them."""


def chosen(names: tuple[str, ...]) -> tuple[Method, ...]:
    """The methods of these names, in the table's order; all where none is named.

    Raises:
        MethodError: There is no such method.

    >>> [m.name for m in chosen(("knn", "linear"))]
    ['linear', 'knn']
    """
    for name in names:
        if name not in METHODS:
            raise MethodError(f"there is no method {name!r}: {instead(name, METHODS)}")
    return tuple(m for m in METHODS.values() if not names or m.name in names)


def table_of(photographs: bool) -> tuple[Method, ...]:
    """The methods that take part where none is named: those of MNIST's table, or those for photographs.

    >>> [m.name for m in table_of(photographs=True)][:2]
    ['linear', 'knn']
    """
    return tuple(m for m in METHODS.values() if (m.photographs if photographs else m.cost[0]))
