"""scikit-learn's KNeighborsClassifier with uniform votes."""

from typing import Any

from prototile.config import MAX_K
from prototile.errors import UnsupportedModelError
from prototile.frontends.base import NamedFrontEnd
from prototile.frontends.neighbours import metric_of, samples_of
from prototile.model import PrototypeModel

_NAME = "KNeighborsClassifier"


class KNeighborsFrontEnd(NamedFrontEnd):
    """Takes ``KNeighborsClassifier`` with up to 15 neighbours: every training sample is a prototype.

    With one neighbour `weights` cannot change a vote; only a function could, by weighing it 0. With more they must be
    ``"uniform"``. Of classes with equally many votes both take the first in ``classes_``. Which of equally near samples
    are among the neighbours is an accident of the search in scikit-learn; ours are those of the lowest index, which for
    one neighbour is also that of ``algorithm="brute"``, if training data and queries are float64 both or float32 both.
    """

    names = (_NAME,)
    supported = f"KNeighborsClassifier(n_neighbors=1 .. {MAX_K}) with a manhattan, euclidean or chebyshev metric"

    def convert(self, model: Any) -> PrototypeModel:
        """Return its training samples as prototypes.

        Raises
        ------
        UnsupportedModelError
            If number of neighbours, weights, metric, outputs or training structure are others.
        InputError
            If it is not fitted.
        """
        samples = samples_of(model)
        if model.n_neighbors not in range(1, MAX_K + 1):
            raise UnsupportedModelError(
                f"{_NAME} has n_neighbors={model.n_neighbors!r}, but the chip lets 1 to {MAX_K} neighbours vote; set it"
                " to one of these, or to 1 and condense the samples (prototile.condense, convert --prototypes N): few"
                " prototypes average as votes do."
            )
        if model.weights not in ("uniform", "distance", None):
            raise UnsupportedModelError(
                f"{_NAME} has weights={model.weights!r}, but only 'uniform' and 'distance' are supported, which are the"
                " same for one neighbour; use one of them."
            )
        if model.n_neighbors > 1 and model.weights == "distance":
            raise UnsupportedModelError(
                f"{_NAME} has weights='distance' with n_neighbors={model.n_neighbors!r}, but on the chip each neighbour"
                " has one vote; use weights='uniform'."
            )
        return PrototypeModel(
            samples,
            model.classes_[model._y],
            metric=metric_of(model),
            k=int(model.n_neighbors),
            classes=model.classes_,
        )
