"""The practical answer: whether these pictures need a convolutional network, what it costs, and what comes close."""

from __future__ import annotations

from convscope.comparison.rows import Row, between, ranked

CLOSE_POINTS = 2.0
"""A method is close to the best net with at most so many points of error more."""


def advice(rows: tuple[Row, ...]) -> tuple[str, ...]:
    """A few sentences, each with its figures; fewer where there is nothing to compare."""
    order = ranked(rows)
    nets = [row for row in order if row.method.convolutional]
    others = [row for row in order if not row.method.convolutional]
    said = [_need(nets[0], others[0]), _price(nets[0], others[0])] if nets and others else []
    said += [_close(nets[0], others)] if nets and others else []
    left = [row for row in rows if "hours here" in row.status]
    if left:
        names = ", ".join(row.method.title for row in left[:3]) + (", ..." if len(left) > 3 else "")
        said.append(f"Not run, since they take hours on this machine: {len(left)} of the methods ({names}).")
    return tuple(said)


def _need(net: Row, other: Row) -> str:
    test = between(net, other)
    ours, theirs = _error(net), _error(other)
    figures = f"{net.method.title} names {ours:.2f} % wrongly, {other.method.title} {theirs:.2f} %, McNemar p = {test.p:.2g}"
    if test.p >= 0.05:
        return (
            f"These test pictures do not tell a convolutional network from the best other method ({figures})."
        )
    if ours < theirs:
        return f"Yes, a convolutional network is worth it here: {theirs - ours:.1f} points fewer errors ({figures})."
    return f"No, another method is better here by {ours - theirs:.1f} points ({figures})."


def _price(net: Row, other: Row) -> str:
    def cost(row: Row) -> str:
        each = 1000 * row.record["predict_seconds"] / max(len(row.wrong), 1)
        return (
            f"{row.method.title} {row.record['processor_seconds']:,.0f} processor seconds in all, {each:.2g} ms to answer a "
            f"picture, {row.record['parameters']:,} numbers to keep"
        )

    return f"What it costs: {cost(net)}; {cost(other)}."


def _close(net: Row, others: list[Row]) -> str:
    near = [row for row in others if _error(row) <= _error(net) + CLOSE_POINTS]
    if not near:
        best = others[0]
        return (
            f"No simpler method comes within {CLOSE_POINTS:g} points: the next, {best.method.title}, is "
            f"{_error(best) - _error(net):.1f} behind."
        )
    cheapest = min(near, key=lambda row: row.record["processor_seconds"])
    return (
        f"The cheapest method within {CLOSE_POINTS:g} points is {cheapest.method.title}: {_error(cheapest):.2f} % after "
        f"{cheapest.record['processor_seconds']:,.0f} processor seconds."
    )


def _error(row: Row) -> float:
    assert row.error_percent is not None
    return row.error_percent
