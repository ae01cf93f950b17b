"""scikit-learn's Pipeline: affine transformers, then a supported classifier."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from prototile.errors import UnsupportedModelError
from prototile.frontends.base import FrontEnd, is_exactly
from prototile.frontends.registry import to_prototype_model
from prototile.frontends.thresholds import compares, thresholds_before
from prototile.frontends.transformers import to_step
from prototile.frontends.transformers.composite import used_steps
from prototile.frontends.transformers.step import Step
from prototile.maps import AffineMap
from prototile.model import PrototypeModel

#: What lies so near to a bound, in units of the bound, may lie on it but for the rounding of floats.
_BESIDE = 1e-9


class PipelineFrontEnd(FrontEnd):
    """Takes a Pipeline of affine transformers that ends in a model of another front end.

    The transformers become the model's preprocessing, or are taken into the levels of its tables; a Pipeline may end in
    a Pipeline. Those of imbalanced-learn are taken too: its samplers leave queries alone.
    """

    supported = "a Pipeline of scalers, projections, selectors and other affine transformers that ends in one of these"
    place = 1

    def accepts(self, model: Any) -> bool:
        """Tell whether it is a Pipeline of scikit-learn or of imbalanced-learn."""
        return any(is_exactly(model, library, "Pipeline") for library in ("sklearn", "imblearn"))

    def convert(self, model: Any) -> PrototypeModel:
        """Return the last step's model with what comes before as its preprocessing.

        Raises
        ------
        UnsupportedModelError
            If a step is not affine, or the last one is not supported.
        InputError
            If a step is not fitted.
        """
        *before, (last_name, last) = model.steps
        if last is None or isinstance(last, str):
            raise UnsupportedModelError(
                f"the Pipeline ends in step {last_name!r}, which is {last!r}; its last step must be a classifier."
            )
        result = to_prototype_model(last)
        used = list(used_steps(model, before))
        made = [(name, to_step(step, f"step {name!r} of the Pipeline")) for name, step in used]
        steps = [(name, step) for name, step in made if step is not None]
        if not steps:
            return result
        whole = steps[0][1]
        for _, step in steps[1:]:
            whole = whole.then(step)
        if compares(result) and isinstance(whole.map, AffineMap) and (whole.map.scale >= 0).all():
            result = thresholds_before(result, [step for _, step in used], whole.map)
        else:
            if any(step.clips for _, step in steps) and not _clipping_is_harmless(whole, result, last):
                name = next(name for name, step in steps if step.clips)
                raise UnsupportedModelError(
                    f"step {name!r} of the Pipeline has a scaler with clip=True, which is not affine, and changes the"
                    f" distances ({result.metric}) of vectors beyond the training data; only before trees, BernoulliNB"
                    " and neighbours by the metric l1 it does not matter, so fit it with clip=False: the chip clips"
                    " queries to the range of its calibration data anyway."
                )
            result = result.preceded_by(whole.map)
        # A Pipeline does not tell the names of its features if its first step passes them through.
        names = getattr(used[0][1], "feature_names_in_", None)
        return result if names is None else result.with_feature_names(names)


def _clipping_is_harmless(step: Step, model: PrototypeModel, last: Any) -> bool:
    """Whether the model answers vectors beyond the bounds of a step as those at the bounds.

    - Leaves of trees: a threshold between the bounds tells the same of both, and one leaf is at distance 0 of both.
    - The metric l1: what a component is beyond a bound counts alike for all prototypes, which lie within.
    """
    whole = step if model.preprocess is None else step.then(Step(model.preprocess))
    if model.radii is not None or model.min_margin is not None:
        return False
    slack = [_BESIDE * np.where(np.isfinite(bound), np.abs(bound), 0.0) for bound in (whole.low, whole.high)]
    if model.metric == "box" and not isinstance(_innermost(last), PrototypeModel):
        low, high = (whole.low + slack[0])[:, None], (whole.high - slack[1])[:, None]
        return _all_within(model.prototypes, low, high)
    plain = model.masks is None and model.weights is None and model.bits is None
    return model.metric == "l1" and plain and _all_within(model.prototypes, whole.low - slack[0], whole.high + slack[1])


def _all_within(values: NDArray[Any], low: NDArray[np.float64], high: NDArray[np.float64]) -> bool:
    return bool((~np.isfinite(values) | ((low <= values) & (values <= high))).all())


def _innermost(model: Any) -> Any:
    while hasattr(model, "steps"):
        model = model.steps[-1][1]
    return model
