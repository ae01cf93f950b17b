"""The decision record: what a chip answers to one query, in the contract's fields."""

from enum import IntEnum

import numpy as np


class Status(IntEnum):
    """Whether an answer may be trusted, by the influence fields and the margin."""

    IDENTIFIED = 0
    UNCERTAIN = 1
    UNKNOWN = 2


#: One row per query. ``label`` and ``runner_up`` are class indices; ``runner_up`` is -1 without another class.
RECORD_DTYPE = np.dtype(
    [
        ("prototype", np.int32),
        ("distance", np.int64),
        ("label", np.int32),
        ("runner_up", np.int32),
        ("margin", np.int64),
        ("status", np.int8),
        ("tie", np.bool_),
        ("saturated", np.int32),
    ]
)
