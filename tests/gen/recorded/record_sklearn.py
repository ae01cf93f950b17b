"""Records estimators of an older scikit-learn as files, with their answers, in sklearn_<version>.zip.

Run with the scikit-learn that is to be recorded, in an environment of its own:

    python -m venv old && old/bin/pip install 'scikit-learn==1.4.*' 'numpy<2' 'skops<0.12'
    old/bin/python record_sklearn.py

1.5 and 1.6 likewise. The archive holds a .skops and a .joblib of each estimator, and answers.npz.
"""

import io
import tempfile
import zipfile
from pathlib import Path

import joblib
import numpy as np
import sklearn
from scipy.sparse import csr_matrix
from sklearn.cluster import BisectingKMeans, KMeans, MiniBatchKMeans
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.feature_selection import SelectKBest, VarianceThreshold, f_classif
from sklearn.impute import SimpleImputer
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import BernoulliNB, CategoricalNB, GaussianNB
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid, RadiusNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier
from skops import io as skops_io

RANDOM = np.random.default_rng(0)
X = RANDOM.integers(0, 12, (40, 3)).astype(np.float64)
Y = np.array(["ash", "birch", "cedar"])[(X[:, 0] > 5) + (X[:, 1] > 7).astype(int)]
# Between the integers: nothing is equally far from two of them.
QUERIES = np.round(RANDOM.uniform(-2, 14, (120, 3)), 3)


def one_neighbour():
    return KNeighborsClassifier(1)


ESTIMATORS = {
    "neighbours_brute": KNeighborsClassifier(3, algorithm="brute"),
    "neighbours_kd_tree": KNeighborsClassifier(1, algorithm="kd_tree"),
    "neighbours_ball_tree": KNeighborsClassifier(1, algorithm="ball_tree", p=1),
    "radius": RadiusNeighborsClassifier(1.5, outlier_label="none"),
    "centroid": NearestCentroid(),
    "centroid_l1": NearestCentroid(metric="manhattan"),
    "tree": DecisionTreeClassifier(random_state=0),
    "extra_tree": ExtraTreeClassifier(random_state=0),
    "forest": RandomForestClassifier(3, random_state=0),
    "extra_trees": ExtraTreesClassifier(3, random_state=0),
    "gaussian_nb": GaussianNB(),
    "categorical_nb": CategoricalNB(min_categories=14),
    "bernoulli_nb": BernoulliNB(binarize=5.0),
    "k_means": KMeans(4, n_init=1, random_state=0),
    "mini_batch_k_means": MiniBatchKMeans(4, n_init=1, random_state=0),
    "bisecting_k_means": BisectingKMeans(2, random_state=0),
    "mixture": GaussianMixture(3, covariance_type="tied", random_state=0),
    "standard": make_pipeline(StandardScaler(), one_neighbour()),
    "min_max": make_pipeline(MinMaxScaler(), one_neighbour()),
    "max_abs": make_pipeline(MaxAbsScaler(), one_neighbour()),
    "robust": make_pipeline(RobustScaler(), one_neighbour()),
    "components": make_pipeline(PCA(2), TruncatedSVD(1), NearestCentroid()),
    "selected": make_pipeline(SimpleImputer(), VarianceThreshold(), SelectKBest(f_classif, k=2), NearestCentroid()),
    "columns": make_pipeline(
        ColumnTransformer([("a", MinMaxScaler(), [2, 0])], remainder="passthrough"), one_neighbour()
    ),
    "search": GridSearchCV(one_neighbour(), {"n_neighbors": [1, 3]}, cv=3),
}


def main():
    """Write the archive."""
    version = ".".join(sklearn.__version__.split(".")[:2])
    answers = {"queries": QUERIES}
    target = Path(__file__).with_name(f"sklearn_{version}.zip")
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        estimators = {name: estimator.fit(X, Y) for name, estimator in ESTIMATORS.items() if name != "categorical_nb"}
        estimators["categorical_nb"] = ESTIMATORS["categorical_nb"].fit(X.astype(int), Y)
        estimators["neighbours_sparse"] = one_neighbour().fit(csr_matrix(X), Y)
        for name, estimator in estimators.items():
            skops_io.dump(estimator, Path(folder, f"{name}.skops"))
            joblib.dump(estimator, Path(folder, f"{name}.joblib"))
            answers[name] = estimator.predict(np.abs(QUERIES).astype(int) if name == "categorical_nb" else QUERIES)
        stream = io.BytesIO()
        np.savez(stream, **answers)
        for path in sorted(Path(folder).iterdir()):
            archive.writestr(zipfile.ZipInfo(path.name), path.read_bytes(), zipfile.ZIP_DEFLATED)
        archive.writestr(zipfile.ZipInfo("answers.npz"), stream.getvalue(), zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    main()
