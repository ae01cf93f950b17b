"""What a decision means, said again sentence by sentence: slow, and plain enough to be read beside the contract.

Integers, floats and lists only. Nothing of the package and no NumPy is used here, so that a mistake there
cannot be repeated here. The sentences that a function says again are quoted in it.
"""

from dataclasses import dataclass
from math import isfinite, isinf

IDENTIFIED, UNCERTAIN, UNKNOWN = 0, 1, 2


@dataclass(frozen=True)
class Model:
    """A model in chip units. Radii are one for each prototype, whether they were given for all, by class, or so."""

    metric: str
    bits: int
    values: list
    labels: list
    masks: list | None = None
    shifts: list | None = None
    radii: list | None = None
    k: int = 1
    min_margin: int | None = None

    @classmethod
    def of(cls, config, nodes):
        """The numbers of a configuration and its arrays, and nothing else of them."""
        arrays = {
            name: None if array is None else array.tolist()
            for name in ("values", "labels", "masks", "shifts", "radii")
            for array in [getattr(nodes, name)]
        }
        return cls(metric=config.metric, bits=config.bits, k=config.k, min_margin=config.min_margin, **arrays)


def quantise(z, offset, step, bits, open_ended=()):
    """One vector of the model's space in chip units, and how many of its components were clipped.

    "Component d becomes ``q[d] = clip(rint((z[d] - offset[d]) / step), 0, 2**bits - 1)`` with ``rint`` = round half to
    even, in float64." "A clipped component counts in ``saturated``." "NaN or infinity in an input is an error."

    There is one offset for each component, and one step for all or one for each ("unless the user asks for per-feature
    steps"). Components whose place is in `open_ended` never count as clipped: of features that no bound was given for,
    nothing is known (docs/models.md).
    """
    if not all(isfinite(component) for component in z):
        raise ValueError(f"{z} holds what is no finite number")
    steps = step if isinstance(step, list) else [step] * len(z)
    query, saturated = [], 0
    for d, component in enumerate(z):
        level = (component - offset[d]) / steps[d]
        # Python's round is half to even; an infinite quotient is beyond any level.
        level = level if isinf(level) else round(level)
        if level < 0 or level > 2**bits - 1:
            saturated += d not in open_ended
            level = 0 if level < 0 else 2**bits - 1
        query.append(int(level))
    return query, saturated


def span(rows, bits):
    """Offsets and the step that calibration data and prototypes, together, are quantised with.

    "``offset`` and ``step`` span calibration data and prototypes together, without margin: ``step = (largest range of a
    component) / (2**bits - 1)``. Integer data stay exact: when all of it is integer and its largest range fits into
    ``bits``, ``step`` is 1."

    That leaves open what the step is if all rows are equal. It is 1 (docs/models.md): they are 0 with any.
    """
    columns = list(zip(*rows, strict=True))
    offset = [min(column) for column in columns]
    largest = max(max(column) - min(column) for column in columns)
    levels = 2**bits - 1
    is_integer = all(component == int(component) for row in rows for component in row)
    if largest == 0 or (is_integer and largest <= levels):
        return offset, 1.0
    return offset, largest / levels


def span_with_margin(rows, bits, margin):
    """The same "without calibration data: the prototypes and a stated margin", a share of the largest range.

    For integer data that stay exact only the step is said, and where the levels lie is left open: None.
    """
    offset, step = span(rows, bits)
    columns = list(zip(*rows, strict=True))
    largest = max(max(column) - min(column) for column in columns)
    if step == 1.0 and all(component == int(component) for row in rows for component in row):
        return None, step
    return [low - margin * largest for low in offset], largest * (1 + 2 * margin) / (2**bits - 1) or 1.0


def fires_below(radius, unit, distance_max, inclusive=False):
    """The integer r for which exactly those distances are smaller than r at which a radius fires.

    "Prototype i fires iff ``distance[i] < radius[i]``, strictly; a radius may be given [...] in units of the distance
    as defined above (for ``l2``: of the squared distance; radii of estimators, which are not squared and may be
    inclusive, are converted so that the same prototypes fire)."

    `unit` is what one unit of the chip's distance is worth in the user's; that the quotient of the two is one in
    float64, as in the quantisation, the contract leaves open. Every distance that there can be is tried.
    """
    chip_radius = radius / unit
    threshold = 0
    for distance in range(distance_max + 1):
        if distance < chip_radius or (inclusive and distance == chip_radius):
            threshold = distance + 1
    return threshold


def term(model, i, d, q):
    """What component d, which is q, adds to the distance of prototype i."""
    value = model.values[i][d]
    if model.metric == "table":  # "any number, looked up"
        part = value[q]
    elif model.metric == "box":  # "the distance to an interval, 0 inside"
        lower, upper = value
        part = lower - q if q < lower else q - upper if q > upper else 0
    elif model.metric == "hamming":  # "number of differing bits"
        part = sum((q >> bit) % 2 != (value >> bit) % 2 for bit in range(model.bits))
    elif model.metric == "l2":  # "sum (q-p)**2"
        part = (q - value) * (q - value)
    else:  # "l1 sum|q-p|", "linf max|q-p|"
        part = q - value if q > value else value - q
    if model.shifts is not None:  # "the term 2^s times"
        part = part * 2 ** model.shifts[i][d]
    if model.masks is not None and not model.masks[i][d]:  # "0 where the prototype ignores the component"
        part = 0
    return part


def distance(model, query, i):
    """Distance of prototype i: the sum of its terms, for ``linf`` the largest of them."""
    terms = [term(model, i, d, q) for d, q in enumerate(query)]
    return max(terms) if model.metric == "linf" else sum(terms)


def decide(model, query, saturated=0):
    """The decision record of one query, by the names of its fields."""
    everyone = range(len(model.labels))
    distances = [distance(model, query, i) for i in everyone]

    # "Prototype i fires iff distance[i] < radius[i], strictly." "In a model without radii all prototypes fire."
    fires = [model.radii is None or distances[i] < model.radii[i] for i in everyone]

    # "There is one order of prototypes for a query: (not firing, distance, index), index in the order of the model."
    order = sorted(everyone, key=lambda i: (not fires[i], distances[i], i))

    # "prototype, distance: the first prototype in the order, and its distance."
    first = order[0]

    # "label: its class. For k > 1: the class with most votes among the first k that fire (among the first k of all, if
    # none fires); equal votes: the lowest class index."
    votes = {}
    if model.k == 1:
        label = model.labels[first]
    else:
        candidates = [i for i in order if fires[i]] if any(fires) else order
        for i in candidates[: model.k]:
            votes[model.labels[i]] = votes.get(model.labels[i], 0) + 1
        label = min(c for c in votes if votes[c] == max(votes.values()))

    # "runner_up: the class other than label that comes first in the order; -1 if there is no other class."
    # "margin: distance of the first prototype of runner_up minus distance of the first prototype of label; 0 if there
    # is no other class."
    runner_up, margin = -1, 0
    others = [i for i in order if model.labels[i] != label]
    if others:
        runner_up = model.labels[others[0]]
        firsts = {c: next(i for i in order if model.labels[i] == c) for c in (label, runner_up)}
        margin = distances[firsts[runner_up]] - distances[firsts[label]]

    # "unknown: nothing fires. uncertain: a prototype of another class than label fires too, or margin < min_margin.
    # Else identified." That all fire in a model without radii is no cause for doubt: "A model without radii and without
    # min_margin answers identified always."
    another_fires = model.radii is not None and any(fires[i] for i in others)
    if not any(fires):
        status = UNKNOWN
    elif another_fires or (model.min_margin is not None and margin < model.min_margin):
        status = UNCERTAIN
    else:
        status = IDENTIFIED

    # "tie: k = 1: another class stands at the same place of the order but for the index (same firing, same distance);
    # k > 1: another class has as many votes."
    if model.k == 1:
        tie = any(fires[i] == fires[first] and distances[i] == distances[first] for i in others)
    else:
        tie = any(votes[c] == votes[label] for c in votes if c != label)

    return {
        "prototype": first,
        "distance": distances[first],
        "label": label,
        "runner_up": runner_up,
        "margin": margin,
        "status": status,
        "tie": tie,
        "saturated": saturated,  # "components clipped in this query"
    }


def predict(record, classes, reject=None):
    """The user's label for a record.

    "For ``status == unknown``, ``predict`` returns the label of the nearest prototype unless ``reject=`` names the
    label to return instead." With votes it is the class that they make ("its class. For k > 1: ...").
    """
    if record["status"] == UNKNOWN and reject is not None:
        return reject
    return classes[record["label"]]
