"""The examples of docs/models.md run, and it names what the front ends take."""

import re
from pathlib import Path

from prototile.frontends import front_ends

PAGE = Path(__file__).parents[3] / "docs" / "models.md"


def test_examples_run():
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 6
    # One after another, as a reader would type them.
    exec(compile("\n".join(blocks), str(PAGE), "exec"), {"__name__": "models"})


def test_every_estimator_is_there():
    named = {
        name
        for front_end in front_ends()
        for name in re.findall(r"\b[A-Z]\w+(?:Classifier|NB|Centroid)\b", front_end.supported)
    }
    assert len(named) >= 8
    assert all(f"`{name}`" in PAGE.read_text() for name in named)
