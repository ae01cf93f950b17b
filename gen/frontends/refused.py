"""Well-known models that are none of boxes, tables or nearest prototypes, and why."""

from typing import Any

_KERNELS = "it adds up a kernel for each support vector, so that the nearest of them does not decide"
_LINEAR = "it adds up weighted features without any prototype"
_BOOSTED = "it adds up the outputs of many trees, and the chip lets leaves vote, not add"
_PROBABILITIES = "it bends the probability of each class by itself, so that not the nearest prototype wins"
_THRESHOLD = "it moves the threshold between two classes, so that not the nearest prototype wins"
_SEVERAL = "it asks several models, each with distances of its own, of which the chip knows one"
_OUTPUTS = "it predicts several outputs, and the chip has one label for each prototype"
_NUMBERS = "it estimates numbers, not classes"
_NETWORK = "it is a neural network"
_GAUSSIANS = "each of its classes has a covariance matrix of its own, so that no one map makes it a nearest mean"

_REASONS = {
    **dict.fromkeys(("SVC", "NuSVC", "OneClassSVM", "GaussianProcessClassifier"), _KERNELS),
    **dict.fromkeys(("LinearSVC", "LogisticRegression", "SGDClassifier", "RidgeClassifier", "Perceptron"), _LINEAR),
    **dict.fromkeys(("GradientBoostingClassifier", "HistGradientBoostingClassifier", "AdaBoostClassifier"), _BOOSTED),
    **dict.fromkeys(("XGBClassifier", "LGBMClassifier", "CatBoostClassifier"), _BOOSTED),
    "MLPClassifier": _NETWORK,
    "CalibratedClassifierCV": _PROBABILITIES,
    **dict.fromkeys(("TunedThresholdClassifierCV", "FixedThresholdClassifier"), _THRESHOLD),
    **dict.fromkeys(("VotingClassifier", "StackingClassifier", "OneVsRestClassifier", "OneVsOneClassifier"), _SEVERAL),
    "OutputCodeClassifier": _SEVERAL,
    **dict.fromkeys(("MultiOutputClassifier", "ClassifierChain"), _OUTPUTS),
    **dict.fromkeys(("TransformedTargetRegressor", "KNeighborsRegressor", "RadiusNeighborsRegressor"), _NUMBERS),
    **dict.fromkeys(("DecisionTreeRegressor", "RandomForestRegressor", "ExtraTreesRegressor"), _NUMBERS),
    "QuadraticDiscriminantAnalysis": _GAUSSIANS,
    **dict.fromkeys(
        ("DBSCAN", "HDBSCAN", "OPTICS", "AgglomerativeClustering", "SpectralClustering"),
        "it labels the samples that it was fitted on and predicts no others",
    ),
}


def reason_against(model: Any) -> str | None:
    """Why a model cannot be mapped, as half a sentence; None if its class, by name, is not known here."""
    return _REASONS.get(type(model).__name__)
