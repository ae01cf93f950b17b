"""Cases of decision records: those that a test bench should meet, and those that a model has no answer of."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from prototile.config import Configuration
from prototile.nodes import Nodes
from prototile.record import Status


def cases_of(config: Configuration, records: NDArray[np.void]) -> dict[str, NDArray[np.bool_]]:
    """Which records belong to each case.

    Parameters
    ----------
    config
        The design's configuration.
    records : (rows,) `RECORD_DTYPE`

    Returns
    -------
    dict
        For each case, in the order in which a test bench lists them, an array of shape (rows,).
    """
    cases = {f"label {label}": records["label"] == label for label in range(config.class_count)}
    cases |= {f"status {status.name.lower()}": records["status"] == status for status in Status}
    return cases | {
        "tie": records["tie"],
        "saturated": records["saturated"] > 0,
        "margin below 0": records["margin"] < 0,
        "no runner-up": records["runner_up"] < 0,
        "distance 0": records["distance"] == 0,
    }


def impossible_cases(config: Configuration, nodes: Nodes, reachable: NDArray[np.bool_]) -> dict[str, str]:
    """Why there is no query whose record belongs to a case, by the names of these cases.

    Parameters
    ----------
    config, nodes
        The design.
    reachable
        Whether a query can be at distance 0 of each prototype, shape (prototypes,).

    Returns
    -------
    dict
        Only what follows from the model's numbers alone. A case that is missing here need not have a query.
    """
    held = np.unique(nodes.labels)
    found = {
        f"label {label}": "no prototype has this class" for label in range(config.class_count) if label not in held
    }
    if held.size == 1:
        found |= dict.fromkeys(("tie", "margin below 0"), "all prototypes are of one class")
    else:
        found["no runner-up"] = "there are prototypes of other classes"
        if config.k == 1 and (nodes.radii is None or np.unique(nodes.radii).size == 1):
            found["margin below 0"] = "no radius and no vote overrules the distance"
    if not reachable.any():
        found["distance 0"] = "no query is at distance 0 of a prototype"
    if nodes.radii is None and config.k > 1:
        found |= _impossible_votes(config, nodes.labels)
    return found | _impossible_statuses(config, nodes.radii, held.size, "margin below 0" in found)


def _impossible_votes(config: Configuration, labels: NDArray[Any]) -> dict[str, str]:
    """Where all prototypes fire, and so a fixed number of them votes."""
    votes = np.bincount(labels, minlength=config.class_count)
    if config.k < config.prototype_count:
        odd = np.count_nonzero(votes) == 2 and config.k % 2 == 1
        return {"tie": f"{config.k} votes for two classes are never equal"} if odd else {}
    elected = votes.argmax()
    reason = "all prototypes vote, whatever the query is"
    others = {f"label {label}": reason for label in np.flatnonzero(votes).tolist() if label != elected}
    return others if np.count_nonzero(votes == votes[elected]) > 1 else others | {"tie": reason}


def _impossible_statuses(
    config: Configuration, radii: NDArray[Any] | None, classes: int, never_negative: bool
) -> dict[str, str]:
    found: dict[str, str] = {}
    never_fires = radii is not None and not np.any(radii)
    threshold = config.min_margin
    margin_max = 0 if classes == 1 else config.distance_max
    if radii is None:
        found["status unknown"] = "there are no radii, so all prototypes fire"
    elif radii.max() > config.distance_max:
        found["status unknown"] = f"the radius of prototype {radii.argmax()} is above the largest distance"
    if never_fires:
        found |= dict.fromkeys(("status identified", "status uncertain"), "all radii are 0, so no prototype fires")
    elif threshold is not None and threshold > margin_max:
        found["status identified"] = f"no margin reaches min_margin, {threshold} in chip units"
    elif classes == 1:
        found["status uncertain"] = "all prototypes are of one class"
    elif radii is None and threshold is None:
        found["status uncertain"] = "there are neither radii nor min_margin"
    elif radii is None and never_negative and threshold == 0:
        found["status uncertain"] = "no margin is below min_margin, which is 0"
    return found
