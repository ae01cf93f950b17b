import numpy as np
import pytest

from prototile.data import DEMO_BITS, RECIPES, load_dataset, train_prototypes
from prototile.errors import InputError
from prototile.frontends import to_prototype_model
from prototile.quantiser import Quantiser
from prototile.sim.golden import GoldenModel


@pytest.mark.parametrize(
    ("name", "test_rows", "features", "classes"),
    [("iris", 45, 4, 3), ("wine", 54, 13, 3), ("breast_cancer", 171, 30, 2), ("digits", 540, 64, 10)],
)
def test_splits(name, test_rows, features, classes):
    split, again = load_dataset(name), load_dataset(name)
    assert split.X_test.shape == (test_rows, features)
    assert len(split.y_test) == test_rows
    assert len(split.feature_names) == features
    assert len(split.target_names) == classes == len(np.unique(split.y_train))
    assert np.array_equal(split.X_test, again.X_test)
    shares = [np.mean(split.y_train == label) - np.mean(split.y_test == label) for label in np.unique(split.y_train)]
    assert np.abs(shares).max() < 0.02


@pytest.mark.parametrize(
    ("name", "least", "largest_loss"),
    [("iris", 0.95, 0.01), ("wine", 0.95, 0.01), ("breast_cancer", 0.94, 0.01), ("digits", 0.95, 0.01)],
)
def test_recipes_reach_their_accuracy_at_four_bits(name, least, largest_loss):
    split = load_dataset(name)
    estimator = train_prototypes(name, split)
    model = to_prototype_model(estimator)
    assert model.metric == "l1"
    assert model.prototype_count == RECIPES[name].per_class * len(split.target_names)
    assert model.predict(split.X_test).tolist() == estimator.predict(split.X_test).tolist()
    quantiser = Quantiser.fit(model, split.X_train, bits=DEMO_BITS)
    quantised = quantiser.apply(model)
    golden = GoldenModel(quantised.configuration(), quantised.nodes)
    records = golden.decide(*quantiser.quantise(model.transform(split.X_test)))
    accuracy = np.mean(model.to_labels(records["label"], records["status"]) == split.y_test)
    assert accuracy >= least
    assert np.mean(model.predict(split.X_test) == split.y_test) - accuracy <= largest_loss


def test_unknown_names_get_near_matches():
    with pytest.raises(InputError, match="there is no data set 'digit'; did you mean digits"):
        load_dataset("digit")
    with pytest.raises(InputError, match="there are iris, wine, breast_cancer, digits"):
        train_prototypes("mnist", None)
