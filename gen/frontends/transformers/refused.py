"""Well-known transformers that are not affine, and why."""

from typing import Any

_KERNELS = "computes a kernel"
_CATEGORIES = "looks categories up in a table"
_BENT = "bends the axis of each feature"
_BINS = "puts values into bins"
_SOLVED = "solves an optimisation problem for each vector"
_PRODUCTS = "multiplies features with one another"
_NEIGHBOURS = "places a vector by its distances to others"
_TEXT = "counts words of texts"

_REASONS = {
    "Normalizer": "divides each vector by its own length",
    "TfidfTransformer": "divides each vector by its own length",
    "PolynomialFeatures": _PRODUCTS,
    **dict.fromkeys(("QuantileTransformer", "PowerTransformer", "SplineTransformer"), _BENT),
    **dict.fromkeys(("KBinsDiscretizer", "Binarizer", "RandomTreesEmbedding"), _BINS),
    **dict.fromkeys(("OneHotEncoder", "OrdinalEncoder", "TargetEncoder", "LabelBinarizer"), _CATEGORIES),
    **dict.fromkeys(
        ("KernelPCA", "KernelCenterer", "RBFSampler", "Nystroem", "AdditiveChi2Sampler", "SkewedChi2Sampler"), _KERNELS
    ),
    "PolynomialCountSketch": _PRODUCTS,
    **dict.fromkeys(("NMF", "MiniBatchNMF", "LatentDirichletAllocation", "SparseCoder"), _SOLVED),
    **dict.fromkeys(("DictionaryLearning", "MiniBatchDictionaryLearning"), _SOLVED),
    **dict.fromkeys(("KMeans", "MiniBatchKMeans", "BisectingKMeans", "Birch"), _NEIGHBOURS),
    **dict.fromkeys(("Isomap", "LocallyLinearEmbedding", "KNeighborsTransformer"), _NEIGHBOURS),
    "BernoulliRBM": "computes a probability by a logistic function",
    "IterativeImputer": "estimates missing values by other models",
    "MissingIndicator": "tells missing values, of which a query has none",
    **dict.fromkeys(("CountVectorizer", "TfidfVectorizer", "HashingVectorizer", "DictVectorizer"), _TEXT),
}


def reason_against(transformer: Any) -> str | None:
    """Why a transformer is refused, as a sentence without its subject; None if its class is not known here."""
    function = getattr(transformer, "func", None)
    if type(transformer).__name__ == "FunctionTransformer" and function is not None:
        return f"calls the function {getattr(function, '__name__', function)!s}, of which nothing is known"
    return _REASONS.get(type(transformer).__name__)
