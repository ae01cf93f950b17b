"""Records models of sklvq and sklearn-lvq, which run beside scikit-learn 1.5 , NumPy 1 and SciPy 1.10 only.

    pip install "scikit-learn<1.6" "numpy<2" "scipy<1.11" sklvq==0.1.2 sklearn-lvq==1.1.1
    python record_sklvq.py

Each archive holds what a fitted model keeps, integer queries, and the labels that its own `predict` gives.
"""

from pathlib import Path

import numpy as np

np.int = int  # sklvq 0.1.2 is older than NumPy 1.24
np.math = __import__("math")  # and sklearn-lvq older than NumPy 1.25

from sklearn.datasets import load_iris  # noqa: E402
from sklearn_lvq import (  # noqa: E402
    GlvqModel,
    GmlvqModel,
    GrlvqModel,
    GrmlvqModel,
    LgmlvqModel,
    MrslvqModel,
    RslvqModel,
)
from sklvq import GLVQ, GMLVQ, LGMLVQ  # noqa: E402

HERE = Path(__file__).parent
X, y = load_iris(return_X_y=True)
X = np.rint(X * 10)
NAMES = np.array(["setosa", "versicolor", "virginica"])[y]
QUERIES = np.random.default_rng(0).integers(0, 80, (150, 4)).astype(float)


def keep(library, model, labels, *attributes):
    model.fit(X, labels)
    # Relevances and matrices that are no multiples of one, as few steps of training leave them.
    if hasattr(model, "lambda_") and np.ndim(model.lambda_) == 1:
        model.lambda_ = np.array([0.1, 0.2, 0.3, 0.4])
    if hasattr(model, "omega_"):
        model.omega_ = np.random.default_rng(1).normal(size=model.omega_.shape)
    kept = {name: np.asarray(getattr(model, name)) for name in (*attributes, "classes_") if hasattr(model, name)}
    name = f"{library}_{type(model).__name__}.npz"
    np.savez_compressed(HERE / name, queries=QUERIES, answers=model.predict(QUERIES), **kept)


for model in (GLVQ(random_state=0), GMLVQ(random_state=0)):
    keep("sklvq", model, NAMES, "prototypes_", "prototypes_labels_", "omega_", "distance_type")
keep("sklvq", LGMLVQ(random_state=0), NAMES, "prototypes_", "prototypes_labels_", "distance_type")
for kind in (GlvqModel, GrlvqModel, GmlvqModel, GrmlvqModel, RslvqModel, MrslvqModel, LgmlvqModel):
    keep(
        "sklearn_lvq",
        kind(prototypes_per_class=2, max_iter=3, random_state=0),
        y,
        "w_",
        "c_w_",
        "lambda_",
        "omega_",
        "sigma",
    )
