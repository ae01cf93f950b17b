"""A front end is one file: found by itself, asked in a fixed order, and one only for each model."""

import inspect
import sys
import tomllib
from pathlib import Path

import faiss
import numpy as np
import pytest
from minisom import MiniSom
from sklearn.cluster import KMeans
from sklearn.ensemble import RandomForestClassifier
from sklearn.mixture import GaussianMixture
from sklearn.naive_bayes import BernoulliNB, CategoricalNB, GaussianNB
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid, RadiusNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

import prototile as pt
from prototile import frontends
from prototile.errors import UnsupportedModelError
from prototile.frontends import front_ends, registry, to_prototype_model

ROOT = Path(__file__).parents[3]

A_FRONT_END = '''
"""Lists of points, numbered."""

from prototile.frontends.base import FrontEnd
from prototile.model import PrototypeModel


class Abstract(FrontEnd):
    pass


class PointsFrontEnd(Abstract):
    supported = "lists of points"

    def accepts(self, model):
        return isinstance(model, list)

    def convert(self, model):
        return PrototypeModel(model, range(len(model)))
'''


@pytest.fixture
def another_file(tmp_path, monkeypatch):
    (tmp_path / "aa_points.py").write_text(A_FRONT_END)
    monkeypatch.setattr(frontends, "__path__", [*frontends.__path__, str(tmp_path)])
    registry.front_ends.cache_clear()
    yield
    registry.front_ends.cache_clear()
    sys.modules.pop("prototile.frontends.aa_points")


def test_a_file_is_all_that_a_front_end_needs(another_file):
    assert to_prototype_model([[0.0, 1.0], [2.0, 3.0]]).predict([[2.0, 2.0]]).tolist() == [1]
    assert [type(front_end).__name__ for front_end in front_ends()].count("PointsFrontEnd") == 1
    with pytest.raises(UnsupportedModelError, match=r"supported are .*; lists of points; .*"):
        to_prototype_model({})


def test_the_list_is_itself_again():
    with pytest.raises(UnsupportedModelError, match="list is not supported"):
        to_prototype_model([[0.0, 1.0], [2.0, 3.0]])


def test_all_files_are_found_in_their_order():
    modules = [type(front_end).__module__.rsplit(".", 1)[1] for front_end in front_ends()]
    assert {"forest", "kmeans", "kneighbors", "prosemble"} < set(modules)
    assert not {"additive", "base"} & set(modules)
    assert modules[:2] == ["prototype_model", "prototype_grid"]
    assert modules[2:-1] == sorted(modules[2:-1])
    assert modules[-1] == "pipeline"
    assert not any(inspect.isabstract(type(front_end)) for front_end in front_ends())
    assert front_ends() is front_ends()


def test_one_front_end_takes_a_model():
    random = np.random.default_rng(0)
    X, y = random.integers(0, 5, (40, 3)).astype(np.float32), np.arange(40) % 3
    index = faiss.IndexFlatL2(3)
    index.add(X)
    models = [
        pt.PrototypeModel(X, y),
        pt.PrototypeGridClassifier(),
        KNeighborsClassifier(1).fit(X, y),
        RadiusNeighborsClassifier(0.1).fit(X, y),
        NearestCentroid().fit(X, y),
        DecisionTreeClassifier().fit(X, y),
        RandomForestClassifier(2).fit(X, y),
        GaussianNB().fit(X, y),
        CategoricalNB().fit(X, y),
        BernoulliNB().fit(X, y),
        KMeans(2, n_init=1).fit(X),
        GaussianMixture(2, covariance_type="tied").fit(X),
        MiniSom(2, 2, 3),
        index,
        make_pipeline(StandardScaler(), NearestCentroid()).fit(X, y),
    ]
    takers = [[type(one).__name__ for one in front_ends() if one.accepts(model)] for model in models]
    assert all(len(names) == 1 for names in takers)
    assert len({names[0] for names in takers}) == len(models)


def test_each_folder_of_code_is_in_wheels():
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    places = {"prototile": "gen", **setuptools["package-dir"]}
    folders = set()
    for package in setuptools["packages"]:
        known = max((name for name in places if f"{package}.".startswith(f"{name}.")), key=len)
        folders.add(places[known] + package.removeprefix(known).replace(".", "/"))
    tops = [ROOT / name for name in ("gen", "rtl", "sim", "boards")]
    found = {str(path.parent.relative_to(ROOT)) for top in tops for path in top.rglob("__init__.py")}
    assert folders == found
