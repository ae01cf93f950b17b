"""Pipelines against scikit-learn: the vectors of its transformers to within rounding, and its answers."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest
from imblearn.pipeline import make_pipeline as make_resampling_pipeline
from imblearn.under_sampling import RandomUnderSampler
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.cluster import FeatureAgglomeration, KMeans
from sklearn.compose import ColumnTransformer
from sklearn.cross_decomposition import CCA, PLSSVD, PLSCanonical, PLSRegression
from sklearn.datasets import load_digits, load_iris, load_wine
from sklearn.decomposition import (
    NMF,
    PCA,
    FactorAnalysis,
    FastICA,
    IncrementalPCA,
    KernelPCA,
    MiniBatchSparsePCA,
    SparsePCA,
    TruncatedSVD,
)
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import ExtraTreesClassifier, GradientBoostingClassifier
from sklearn.experimental import enable_iterative_imputer  # noqa: F401 (lets the next line import it)
from sklearn.feature_selection import (
    RFE,
    RFECV,
    GenericUnivariateSelect,
    SelectFdr,
    SelectFpr,
    SelectFromModel,
    SelectFwe,
    SelectKBest,
    SelectPercentile,
    SequentialFeatureSelector,
    VarianceThreshold,
    chi2,
    mutual_info_classif,
)
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.naive_bayes import BernoulliNB, GaussianNB
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid, NeighborhoodComponentsAnalysis
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.random_projection import GaussianRandomProjection, SparseRandomProjection
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier
from skops import io as skops_io

import prototile as pt
from prototile.errors import InputError, ModelFileError, UnsupportedModelError
from prototile.files import load_model, save_model
from prototile.frontends import to_prototype_model
from prototile.frontends.transformers import TRANSFORMERS, to_step
from prototile.quantiser import Quantiser

DATA = {"iris": load_iris(), "wine": load_wine(), "digits": load_digits()}
X, Y = load_wine(return_X_y=True)
NAMES = load_wine().target_names[Y]
COLUMNS = [name.replace("/", " ") for name in load_wine().feature_names]
FRAME = pd.DataFrame(X, columns=COLUMNS)
NEAREST = KNeighborsClassifier(1, algorithm="brute")
HOLED = np.where(np.random.default_rng(0).random(X.shape) < 0.1, np.nan, X)
HOLED[:, 4] = np.nan

#: Every class that is taken, in one form at least.
KINDS = [
    StandardScaler(),
    MinMaxScaler((-1, 3)),
    MaxAbsScaler(),
    RobustScaler(unit_variance=True),
    PCA(3),
    PCA(3, whiten=True, svd_solver="full"),
    PCA(0.9),
    IncrementalPCA(2, whiten=True),
    TruncatedSVD(3, random_state=0),
    FactorAnalysis(2),
    FastICA(3, random_state=0, whiten="unit-variance"),
    FastICA(random_state=0, whiten=False, max_iter=20),
    SparsePCA(2, random_state=0, max_iter=20),
    MiniBatchSparsePCA(2, random_state=0, max_iter=5),
    LinearDiscriminantAnalysis(),
    LinearDiscriminantAnalysis(n_components=1),
    LinearDiscriminantAnalysis(solver="eigen"),
    NeighborhoodComponentsAnalysis(2, random_state=0, max_iter=10),
    GaussianRandomProjection(5, random_state=0),
    SparseRandomProjection(5, random_state=0, dense_output=True),
    FeatureAgglomeration(3),
    SelectKBest(k=3),
    SelectPercentile(chi2, percentile=40),
    SelectFpr(),
    SelectFdr(),
    SelectFwe(),
    GenericUnivariateSelect(mode="k_best", param=2),
    VarianceThreshold(0.2),
    RFE(LinearDiscriminantAnalysis(), n_features_to_select=3, step=0.5),
    RFECV(DecisionTreeClassifier(random_state=0), step=0.5, cv=2),
    SequentialFeatureSelector(NearestCentroid(), n_features_to_select=12, direction="backward", cv=2),
    SelectFromModel(LinearDiscriminantAnalysis()),
    SelectFromModel(ExtraTreesClassifier(5, random_state=0)),
    SelectFromModel(GradientBoostingClassifier(n_estimators=2, random_state=0)),
    SimpleImputer(),
    SimpleImputer(strategy="constant", fill_value=0.0),
    KNNImputer(),
    FunctionTransformer(),
]
SUPERVISED_BY_HAND = [PLSRegression(2), PLSCanonical(2), CCA(2), PLSSVD(2)]


def brief(value):
    """A test's name without line breaks and without addresses, which differ between workers."""
    return re.sub(r"\s+", " ", re.sub(r"<function (\w+) at \w+>", r"\1", str(value)))


def quietly(function, *arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*arguments)


def fitted(*steps, data=X, labels=Y, last=NEAREST):
    return quietly(make_pipeline(*map(clone, steps), clone(last)).fit, data, labels)


def same_vectors(model, transformer, data):
    """The model's vectors are those of the transformer, within the rounding of sums of such numbers."""
    expected = np.asarray(quietly(transformer.transform, data))
    found = model.transform(data)
    scale = np.abs(np.asarray(data)).max() if model.preprocess is None else magnitudes(model.preprocess, data)
    assert found.shape == expected.shape
    assert (np.abs(found - expected) <= 1e-14 * np.maximum(scale, np.abs(expected))).all()


def magnitudes(preprocess, data):
    """Sums of the absolute values of all that is added up."""
    values = np.abs(np.asarray(data, np.float64))
    if isinstance(preprocess, pt.MatrixMap):
        return values @ np.abs(preprocess.matrix) + np.abs(preprocess.shift)
    return preprocess.select(values) * np.abs(preprocess.scale) + np.abs(preprocess.shift)


def clear(pipeline, data):
    """Rows whose nearest sample is nearer than all of another class by more than rounding."""
    Z = quietly(pipeline[:-1].transform, data)
    distances = np.sqrt(((np.asarray(Z)[:, None] - pipeline[-1]._fit_X) ** 2).sum(axis=2))
    best = distances.min(axis=1)
    others = np.where(pipeline[-1]._y == pipeline[-1]._y[distances.argmin(axis=1)][:, None], np.inf, distances)
    return others.min(axis=1) - best > 1e-9 * np.abs(Z).max()


@pytest.mark.parametrize("kind", KINDS, ids=brief)
def test_every_kind(kind):
    pipeline = fitted(kind)
    model = to_prototype_model(pipeline)
    queries = X * np.random.default_rng(1).normal(1, 0.1, X.shape)
    same_vectors(model, pipeline[:-1], queries)
    unique = clear(pipeline, queries)
    assert unique.mean() > 0.9
    assert (model.predict(queries) == pipeline.predict(queries))[unique].all()


def test_every_class_is_among_them():
    assert {type(kind).__name__ for kind in [*KINDS, *SUPERVISED_BY_HAND]} - {"FunctionTransformer"} == set(
        TRANSFORMERS
    )


@pytest.mark.parametrize("kind", SUPERVISED_BY_HAND, ids=brief)
def test_kinds_that_a_pipeline_cannot_fit(kind):
    """Their fit_transform returns two arrays, so the steps are fitted one by one."""
    first = quietly(clone(kind).fit, X, np.eye(3)[Y])
    last = clone(NEAREST).fit(first.transform(X), Y)
    pipeline = make_pipeline(first, last)
    model = to_prototype_model(pipeline)
    same_vectors(model, first, X * 1.1)
    assert (model.predict(X * 1.1) == pipeline.predict(X * 1.1)).all()


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize(
    "steps",
    [
        (StandardScaler(),),
        (StandardScaler(), PCA(3)),
        (VarianceThreshold(0.01), StandardScaler(), SelectKBest(k=3)),
        (SimpleImputer(), MinMaxScaler(), PCA(3, whiten=True)),
        (FeatureUnion([("scaled", MinMaxScaler()), ("mixed", PCA(2))]),),
    ],
    ids=brief,
)
def test_chips_with_enough_bits_agree(name, steps):
    data = DATA[name]
    X, y = data.data, data.target
    pipeline = fitted(*steps, data=X[::2], labels=y[::2], last=NearestCentroid())
    model = to_prototype_model(pipeline)
    quantiser = Quantiser.fit(model, X, bits=16)
    levels, _ = quantiser.quantise(model.transform(X))
    prototypes = quantiser.quantise(model.prototypes)[0].astype(np.float64)
    distances = ((levels[:, None].astype(np.float64) - prototypes) ** 2).sum(axis=2)
    assert (model.labels[distances.argmin(axis=1)] == pipeline.predict(X)).mean() >= 0.999


class TestColumns:
    @pytest.mark.parametrize(
        "transformers",
        [
            [("a", StandardScaler(), [0, 2]), ("b", MinMaxScaler(), [12, 3])],
            [("a", "passthrough", slice(2, 5)), ("b", PCA(2), [-1, -2, 5]), ("c", "drop", [7])],
            [("a", StandardScaler(), X.max(axis=0) < 10), ("empty", "passthrough", [])],
            [("a", make_pipeline(SimpleImputer(), StandardScaler(), SelectKBest(k=2)), slice(None, 6, 2))],
            [("a", StandardScaler(), [1]), ("b", StandardScaler(), [1, 0])],
        ],
        ids=brief,
    )
    @pytest.mark.parametrize("remainder", ["drop", "passthrough", RobustScaler()], ids=brief)
    def test_by_number(self, transformers, remainder):
        weights = {"a": 2.5, "remainder": -0.5}
        pipeline = fitted(ColumnTransformer(transformers, remainder=remainder, transformer_weights=weights))
        model = to_prototype_model(pipeline)
        same_vectors(model, pipeline[:-1], X)
        assert (model.predict(X * 1.1) == pipeline.predict(X * 1.1))[clear(pipeline, X * 1.1)].all()

    @pytest.mark.parametrize(
        "transformers",
        [
            [("a", StandardScaler(), ["hue", "alcohol"]), ("b", MaxAbsScaler(), slice("ash", "magnesium"))],
            [("a", StandardScaler(), lambda frame: frame.columns[:3]), ("b", "passthrough", "proline")],
        ],
        ids=["names", "callable"],
    )
    def test_by_name(self, transformers):
        if transformers[1][2] == "proline":
            transformers = [transformers[0], ("b", "passthrough", ["proline"])]
        pipeline = fitted(ColumnTransformer(transformers, remainder=MinMaxScaler()), data=FRAME)
        model = to_prototype_model(pipeline)
        assert model.feature_names == tuple(COLUMNS)
        same_vectors(model, pipeline[:-1], FRAME)
        with pytest.raises(InputError, match=r"the column 'ash' at place 1 .* where the model was trained with"):
            model.predict(FRAME[[COLUMNS[0], COLUMNS[2], COLUMNS[1], *COLUMNS[3:]]])

    def test_set_output(self):
        transformer = ColumnTransformer([("a", StandardScaler(), ["ash", "hue"])], verbose_feature_names_out=False)
        pipeline = make_pipeline(
            StandardScaler().set_output(transform="pandas"), transformer.set_output(transform="pandas"), clone(NEAREST)
        ).fit(FRAME, Y)
        same_vectors(to_prototype_model(pipeline), pipeline[:-1], FRAME)

    def test_one_that_knows_no_names(self):
        pipeline = fitted(ColumnTransformer([("a", StandardScaler(), ["hue"])]), data=FRAME)
        del pipeline[0].feature_names_in_
        with pytest.raises(InputError, match="takes the column 'hue', but does not know the names of its features"):
            to_prototype_model(pipeline)

    def test_one_that_drops_all(self):
        union = FeatureUnion([("a", "drop")])
        with pytest.raises(UnsupportedModelError, match="the FeatureUnion drops all features"):
            to_step(union, "it")

    def test_feature_union(self):
        union = FeatureUnion(
            [("a", "passthrough"), ("b", PCA(2)), ("c", "drop"), ("d", SelectKBest(k=2))], transformer_weights={"b": 3}
        )
        pipeline = fitted(StandardScaler(), union)
        model = to_prototype_model(pipeline)
        same_vectors(model, pipeline[:-1], X)
        affine = fitted(FeatureUnion([("a", "passthrough"), ("b", StandardScaler())]))
        assert isinstance(to_prototype_model(affine).preprocess, pt.AffineMap)
        same_vectors(to_prototype_model(affine), affine[:-1], X)


class TestNames:
    def test_of_the_first_step_that_does_something(self):
        pipeline = Pipeline([("no", "passthrough"), ("scale", StandardScaler()), ("last", clone(NEAREST))])
        assert not hasattr(pipeline.fit(FRAME, Y), "feature_names_in_")
        assert to_prototype_model(pipeline).feature_names == tuple(COLUMNS)

    def test_of_the_last_step_alone(self):
        pipeline = Pipeline([("no", "passthrough"), ("last", clone(NEAREST))]).fit(FRAME, Y)
        assert to_prototype_model(pipeline).feature_names == tuple(COLUMNS)


class TestImputers:
    @pytest.mark.parametrize("keep", [False, True])
    @pytest.mark.parametrize("indicator", [False, True])
    @pytest.mark.parametrize(
        "imputer", [SimpleImputer(), SimpleImputer(strategy="most_frequent"), KNNImputer()], ids=brief
    )
    def test_complete_queries(self, imputer, keep, indicator):
        pipeline = fitted(imputer.set_params(keep_empty_features=keep, add_indicator=indicator), data=HOLED)
        model = to_prototype_model(pipeline)
        expected = quietly(pipeline[0].transform, X)
        assert (model.transform(X) == expected).all()
        assert model.features == 12 + keep + (13 if indicator else 0)
        assert (model.predict(X) == quietly(pipeline.predict, X)).all()

    def test_missing_values_in_a_query_are_refused(self):
        with pytest.raises(InputError, match="X holds nan"):
            to_prototype_model(fitted(SimpleImputer(), data=HOLED)).predict(HOLED)

    @pytest.mark.parametrize("imputer", [SimpleImputer(missing_values=0), KNNImputer(missing_values=-1.0)], ids=brief)
    def test_other_missing_values(self, imputer):
        with pytest.raises(UnsupportedModelError, match=r"replaces missing_values=(0|-1\.0), a value like others"):
            to_prototype_model(fitted(imputer))


class TestIntegers:
    """What is exact without a transformer stays exact behind one that treats each feature by itself."""

    INTEGERS = np.random.default_rng(3).integers(-20, 40, (120, 6))
    QUERIES = np.random.default_rng(4).integers(-40, 70, (400, 6))
    LABELS = np.random.default_rng(5).integers(0, 3, 120)
    CHAINS = (
        (SelectKBest(k=3),),
        (StandardScaler(), SelectKBest(k=3)),
        (SelectKBest(k=4), MinMaxScaler()),
        (ColumnTransformer([("a", StandardScaler(), [4, 1]), ("b", "passthrough", [0, 1])]),),
    )

    @pytest.mark.parametrize("chain", CHAINS, ids=brief)
    def test_trees(self, chain):
        pipeline = fitted(*chain, data=self.INTEGERS, labels=self.LABELS, last=DecisionTreeClassifier(random_state=0))
        for calibration in (self.INTEGERS, None):
            design = pt.convert(pipeline, calibration=calibration, bits=8, board="ulx3s-25f")
            assert (design.predict(self.QUERIES) == pipeline.predict(self.QUERIES)).all()

    @pytest.mark.parametrize("chain", CHAINS, ids=brief)
    def test_gaussians_have_levels_on_integers(self, chain):
        pipeline = fitted(*chain, data=self.INTEGERS, labels=self.LABELS, last=GaussianNB())
        model = to_prototype_model(pipeline).with_bits(8, self.INTEGERS)
        assert (np.rint(model.levels.offset) == model.levels.offset).all()
        assert (model.levels.step == 1).all()
        assert (model.predict(self.QUERIES) == pipeline.predict(self.QUERIES)).all()

    @pytest.mark.parametrize("chain", CHAINS, ids=brief)
    @pytest.mark.parametrize("binarize", [0.0, 0.5])
    def test_thresholds(self, chain, binarize):
        pipeline = fitted(*chain, data=self.INTEGERS, labels=self.LABELS, last=BernoulliNB(binarize=binarize))
        model = to_prototype_model(pipeline)
        assert model.preprocess is None or model.preprocess.is_selection
        joint = np.sort(pipeline[-1].predict_joint_log_proba(quietly(pipeline[:-1].transform, self.QUERIES)), axis=1)
        unique = joint[:, -1] - joint[:, -2] > 1e-9
        assert (model.predict(self.QUERIES) == pipeline.predict(self.QUERIES))[unique].all()

    def test_thresholds_behind_a_matrix_and_turned_features(self):
        turned = ColumnTransformer([("a", StandardScaler(), [1, 2])], transformer_weights={"a": -1})
        for chain in ((PCA(2),), (turned,)):
            pipeline = fitted(*chain, last=BernoulliNB())
            assert (to_prototype_model(pipeline).predict(X) == pipeline.predict(X)).all()


class TestClipping:
    BEYOND = np.vstack([X, X * 3 - X.mean(axis=0), X - 2 * np.ptp(X, axis=0)])

    @pytest.mark.parametrize("scaler", [MinMaxScaler(clip=True), MaxAbsScaler(clip=True)], ids=brief)
    @pytest.mark.parametrize("after", [(), (StandardScaler(),), (SelectKBest(k=5),)], ids=brief)
    @pytest.mark.parametrize(
        "last",
        [
            DecisionTreeClassifier(random_state=0),
            ExtraTreeClassifier(random_state=0),
            KNeighborsClassifier(1, p=1, algorithm="brute"),
            KNeighborsClassifier(5, p=1, algorithm="brute"),
            BernoulliNB(binarize=0.5),
        ],
        ids=brief,
    )
    def test_where_it_does_not_matter(self, scaler, after, last):
        pipeline = fitted(scaler, *after, last=last)
        assert (to_prototype_model(pipeline).predict(self.BEYOND) == pipeline.predict(self.BEYOND)).mean() > 0.995
        # Without the bounds scikit-learn's own vectors are others.
        assert (
            pipeline[0].transform(self.BEYOND) != clone(scaler).set_params(clip=False).fit(X).transform(self.BEYOND)
        ).any()

    @pytest.mark.parametrize(
        "pipeline",
        [
            fitted(MinMaxScaler(clip=True)),
            fitted(StandardScaler(), MaxAbsScaler(clip=True), last=NearestCentroid()),
            fitted(MinMaxScaler(clip=True), last=GaussianNB()),
            fitted(MinMaxScaler(clip=True), last=KNeighborsClassifier(1, metric="chebyshev")),
            # A prototype beyond the bounds.
            make_pipeline(MinMaxScaler(clip=True).fit(X), KNeighborsClassifier(1, p=1).fit(2 * X, Y)),
            make_pipeline(
                MinMaxScaler(clip=True).fit(X[:, :1]),
                pt.PrototypeModel([[[0.2, 0.4]], [[0.6, np.inf]]], [0, 1], "box"),
            ),
            make_pipeline(MinMaxScaler(clip=True).fit(X[:, :1]), pt.PrototypeModel([[0.2], [0.4]], [0, 1], radii=0.2)),
        ],
        ids=lambda pipeline: brief(pipeline[-1])[:50],
    )
    def test_where_it_does(self, pipeline):
        with pytest.raises(UnsupportedModelError, match=r"step '(minmax|maxabs)scaler' .* clip=True.* clip=False"):
            to_prototype_model(pipeline)

    def test_before_a_mixture(self):
        with pytest.raises(UnsupportedModelError, match=r"clip=True is not affine, and a later step mixes"):
            to_prototype_model(fitted(MinMaxScaler(clip=True), PCA(2)))


@pytest.mark.parametrize(
    ("transformer", "message"),
    [
        (
            Normalizer(),
            "of the class Normalizer, which divides each vector by its own length, which is not affine; transform the",
        ),
        (PolynomialFeatures(2), "of the class PolynomialFeatures, which multiplies features"),
        (QuantileTransformer(n_quantiles=10), "of the class QuantileTransformer, which bends the axis"),
        (PowerTransformer(), "of the class PowerTransformer, which bends the axis"),
        (KBinsDiscretizer(2, encode="ordinal", quantile_method="averaged_inverted_cdf"), "which puts values into bins"),
        (Binarizer(), "which puts values into bins"),
        (OneHotEncoder(sparse_output=False), "of the class OneHotEncoder, which looks categories up"),
        (
            FunctionTransformer(np.log1p),
            "of the class FunctionTransformer, which calls the function log1p, of which nothing",
        ),
        (KernelPCA(2), "of the class KernelPCA, which computes a kernel"),
        (NMF(2, max_iter=2), "of the class NMF, which solves an optimisation problem"),
        (KMeans(2, n_init=1), "of the class KMeans, which places a vector by its distances"),
        (IterativeImputer(max_iter=1), "of the class IterativeImputer, which estimates missing values"),
        (
            type("Doubler", (StandardScaler,), {})(),
            "of the class Doubler, which is not one of those that are known to be affine",
        ),
        (FeatureAgglomeration(2, pooling_func=np.max), "pooling_func=<function max"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_not_affine_is_refused_by_name(transformer, message):
    pipeline = fitted(transformer)
    with pytest.raises(UnsupportedModelError, match=message) as caught:
        to_prototype_model(pipeline)
    assert message.startswith("pooling") or "step '" in str(caught.value)
    nested = ColumnTransformer([("inner", clone(transformer), slice(0, 13))])
    where = (
        "pooling" if message.startswith("pooling") else "transformer 'inner' of the ColumnTransformer is of the class"
    )
    with pytest.raises(UnsupportedModelError, match=where):
        to_prototype_model(fitted(nested))


def test_discriminants_without_a_transform():
    lsqr = LinearDiscriminantAnalysis(solver="lsqr").fit(X, Y)
    with pytest.raises(UnsupportedModelError, match="solver='lsqr' has no transform"):
        to_prototype_model(make_pipeline(lsqr, clone(NEAREST).fit(X, Y)))


@pytest.mark.parametrize(
    ("transformer", "where"),
    [
        (PCA(), "step 'pca' of the Pipeline is not fitted"),
        (make_pipeline(PCA()), "step 'pca' of the Pipeline is not fitted"),
        (FeatureUnion([("a", PCA())]), "transformer 'a' of the FeatureUnion is not fitted"),
        (ColumnTransformer([("a", PCA(), [0])]), "step 'columntransformer' of the Pipeline is not fitted"),
    ],
    ids=brief,
)
def test_unfitted(transformer, where):
    with pytest.raises(InputError, match=where):
        to_prototype_model(make_pipeline(transformer, clone(NEAREST).fit(X, Y)))


def test_steps_that_do_not_fit_one_another():
    pipeline = make_pipeline(StandardScaler().fit(X[:, :3]), PCA(2).fit(X), clone(NEAREST).fit(X[:, :2], Y))
    with pytest.raises(InputError, match="gives 3 features, but the next one takes 13"):
        to_prototype_model(pipeline)


def test_samplers_of_imbalanced_learn_leave_queries_alone():
    pipeline = make_resampling_pipeline(StandardScaler(), RandomUnderSampler(random_state=0), PCA(3), clone(NEAREST))
    pipeline.fit(X, Y)
    model = to_prototype_model(pipeline)
    assert model.prototype_count < len(X)
    assert (model.predict(X * 1.1) == pipeline.predict(X * 1.1)).all()


@pytest.mark.parametrize(
    "steps",
    [
        *[(kind,) for kind in KINDS],
        (SelectKBest(mutual_info_classif, k=2),),
        (SelectFromModel(LinearSVC(max_iter=50)),),
        (ColumnTransformer([("a", PCA(2), [0, 1, 5]), ("b", "passthrough", slice(3, 4))], remainder=StandardScaler()),),
        (FeatureUnion([("a", PCA(2)), ("b", make_pipeline(SimpleImputer(), MaxAbsScaler()))]),),
    ],
    ids=brief,
)
def test_skops_files(tmp_path, steps):
    pipeline = fitted(*steps)
    skops_io.dump(pipeline, tmp_path / "m.skops")
    model = load_model(tmp_path / "m.skops")
    same = to_prototype_model(pipeline)
    assert (model.transform(X) == same.transform(X)).all()
    assert (model.predict(X) == same.predict(X)).all()


def test_skops_files_with_columns_by_name(tmp_path):
    pipeline = fitted(ColumnTransformer([("a", StandardScaler(), ["hue", "ash"])]), data=FRAME)
    skops_io.dump(pipeline, tmp_path / "m.skops")
    model = load_model(tmp_path / "m.skops")
    assert model.feature_names == tuple(COLUMNS)
    assert (model.predict(FRAME) == pipeline.predict(FRAME)).all()


def damaged(pipeline, **attributes):
    for name, value in attributes.items():
        setattr(pipeline[0], name, value)
    return pipeline


def sparse_beyond_its_shape(rows):
    matrix = csr_array(np.ones((rows, 13)))
    matrix.indices[0] = 1 << 20
    return matrix


def svc_of_sparse_coefficients():
    pipeline = fitted(SelectFromModel(LinearSVC(max_iter=50)))
    pipeline[0].estimator_.coef_ = sparse_beyond_its_shape(3)
    return pipeline


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: damaged(fitted(SparseRandomProjection(5)), components_=sparse_beyond_its_shape(5)), "damaged sparse"),
        (svc_of_sparse_coefficients, "coef_ of the LinearSVC is a damaged sparse matrix"),
        (
            lambda: damaged(fitted(FeatureAgglomeration(2)), labels_=np.array([0, 1 << 40])),
            "labels_ of FeatureAgglomeration are no groups",
        ),
        (lambda: damaged(fitted(StandardScaler()), n_features_in_=1 << 50), "StandardScaler has n_features_in_=1125"),
        (lambda: damaged(fitted(StandardScaler()), n_features_in_="13"), "StandardScaler has n_features_in_='13'"),
        (
            lambda: damaged(fitted(ColumnTransformer([("a", PCA(2), [0, 1])])), n_features_in_=1 << 40),
            "ColumnTransformer has n_features_in_=1099",
        ),
        (
            lambda: damaged(fitted(FactorAnalysis(2)), components_=np.ones((1 << 16, 1))),
            "the covariance of FactorAnalysis would take 34359738368 bytes",
        ),
        (
            lambda: damaged(fitted(SparsePCA(2, max_iter=2)), components_=np.ones((1 << 16, 1))),
            "the products of components of SparsePCA would take",
        ),
    ],
)
def test_what_a_damaged_file_may_hold(make, message):
    """Nothing is read beyond an array, and no array is made that is much larger than the file."""
    with pytest.raises(InputError, match=message):
        to_prototype_model(make())


def test_trees_of_a_selector_are_checked_before_they_are_asked(tmp_path):
    pipeline = fitted(SelectFromModel(DecisionTreeClassifier(random_state=0)))
    state = pipeline[0].estimator_.tree_.__getstate__()
    state["nodes"]["left_child"][-1] = -2
    pipeline[0].estimator_.tree_.__setstate__(state)
    with pytest.raises(InputError, match="the arrays of the DecisionTreeClassifier form no tree"):
        to_prototype_model(pipeline)
    skops_io.dump(pipeline, tmp_path / "m.skops")
    with pytest.raises((InputError, ModelFileError), match="form no tree"):
        load_model(tmp_path / "m.skops")


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_model_files_hold_selections(tmp_path, suffix):
    model = to_prototype_model(fitted(StandardScaler(), SelectKBest(k=3)))
    save_model(model, tmp_path / f"m{suffix}")
    again = load_model(tmp_path / f"m{suffix}")
    assert again.preprocess.columns.tolist() == model.preprocess.columns.tolist()
    assert again.input_features == 13
    assert (again.transform(X) == model.transform(X)).all()
