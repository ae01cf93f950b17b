"""The examples of the pages in docs/ run, and these name what there is."""

import inspect
import re
from pathlib import Path

import pytest

import prototile as pt
from prototile.condensation import METHODS
from prototile.frontends import front_ends

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(("page", "examples"), [("models.md", 7), ("training.md", 2)])
def test_examples_run(page, examples):
    blocks = re.findall(r"^```python\n(.*?)^```", (DOCS / page).read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == examples
    # One after another, as a reader would type them.
    exec(compile("\n".join(blocks), page, "exec"), {"__name__": "example"})


def test_every_estimator_is_there():
    named = {
        name
        for front_end in front_ends()
        for name in re.findall(r"\b[A-Z]\w+(?:Classifier|NB|Centroid)\b", front_end.supported)
    }
    assert len(named) >= 8
    assert all(f"`{name}`" in (DOCS / "models.md").read_text() for name in named)


def test_every_parameter_and_method_of_training_is_there():
    text = (DOCS / "training.md").read_text()
    parameters = list(inspect.signature(pt.PrototypeGridClassifier).parameters)
    assert [name for name in parameters + list(METHODS) if f"`{name}`" not in text] == []
