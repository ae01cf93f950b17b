"""The decision record, made of the two first prototypes of different classes."""

from dataclasses import dataclass

from amaranth.hdl import Cat, Mux, ValueLike

#: `Status` of the record, as in the contract.
IDENTIFIED, UNCERTAIN, UNKNOWN = range(3)


@dataclass(frozen=True, kw_only=True)
class RecordShape:
    """Fields of the record, as in `record_layout`, and what decides the status."""

    fields: tuple[tuple[str, int, bool], ...]
    min_margin: int | None

    def width(self, name: str) -> int:
        """Bits of a field."""
        return next(width for field, width, _ in self.fields if field == name)


@dataclass(frozen=True, kw_only=True)
class First:
    """The first prototype of a class, as values of the hardware.

    Parameters
    ----------
    valid
        Whether there is one.
    class_, distance, not_firing
        Its class, its distance, and whether it does not fire; the last is 0 in a model without radii.
    """

    valid: ValueLike
    class_: ValueLike
    distance: ValueLike
    not_firing: ValueLike


def margin_of(best: First, runner_up: First) -> ValueLike:
    """By how much the runner-up is farther, 0 if there is none; signed."""
    return Mux(runner_up.valid, runner_up.distance - best.distance, 0)


def judged(
    shape: RecordShape, best: First, runner_up: First, *, prototype: ValueLike, margin: ValueLike, has_radii: bool
) -> dict[str, ValueLike]:
    """Values of all fields but for the count of clipped components.

    Parameters
    ----------
    best, runner_up
        The first of all, and the first of another class. `best` is valid.
    prototype
        Index of the first.
    margin
        `margin_of` both; an argument so that a register may lie between.
    has_radii
        Whether prototypes fire, and do not fire.
    """
    close = 0 if shape.min_margin is None else margin < shape.min_margin
    not_firing = best.not_firing & has_radii
    other_fires = runner_up.valid & ~runner_up.not_firing & has_radii
    return {
        "prototype": prototype,
        "distance": best.distance,
        "label": best.class_,
        "runner_up": Mux(runner_up.valid, Cat(runner_up.class_, 0), -1),
        "margin": margin,
        "status": Mux(not_firing, UNKNOWN, Mux(other_fires | close, UNCERTAIN, IDENTIFIED)),
        "tie": runner_up.valid & (margin == 0) & (best.not_firing == runner_up.not_firing),
    }
