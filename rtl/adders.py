"""Adders that share carry chains, because each chain takes cells to begin and to end."""

from amaranth.hdl import Cat, Const


def chains(adders, limit):
    """Lists of neighbouring adders, each for one chain of up to `limit` bits; a wider adder has one of its own."""
    grouped = []
    length = limit
    for adder in adders:
        bits = _width(adder) + 1
        if not grouped or length + bits > limit:
            grouped.append([])
            length = 0
        grouped[-1].append(adder)
        length += bits
    return grouped


def chained(adders):
    """One sum that holds those of some adders, and where each lies in it: first bit and width.

    An adder is two values and a carry input, which is one bit or None. Between two adders lies a cell whose operands
    are both the next one's carry input. It gives out the carry that comes in, and passes that bit on, whatever came in.
    (Zeros there would do so too, but synthesis cuts the chain at them.)
    """
    left, right, places = [], [], []
    start = 0
    for at, adder in enumerate(adders):
        one, other, carry = adder
        if at or carry is not None:
            passed = Const(0, 1) if carry is None else carry
            left.append(passed)
            right.append(passed)
            start += 1
        width = _width(adder)
        left.append(_extended(one, width))
        right.append(_extended(other, width))
        # The carry out is the sum of the cell behind.
        places.append((start, width + 1))
        start += width
    return Cat(left) + Cat(right), places


def _width(adder):
    one, other, _ = adder
    return max(len(one), len(other))


def _extended(value, width):
    return Cat(value, Const(0, width - len(value)))
