"""Decision trees in .skops files: what scikit-learn does not check itself before it reads memory by it."""

import json
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from prototile.archives import array_shape
from prototile.errors import ModelFileError


def check_trees(archive: zipfile.ZipFile, name: str) -> None:
    """Check what a file gives to the constructor of each `sklearn.tree._tree.Tree` in it.

    skops does not trust this type. Restoring one runs no code of the file, but the constructor copies as many numbers
    of classes as it is told there are outputs, and prediction follows children and features without looking at their
    bounds. So the number of outputs is checked here, shapes by scikit-learn when it restores the arrays, and what the
    arrays hold by `prototile.frontends.leaves`, which reads them; nothing ever asks the tree itself.

    Raises
    ------
    ModelFileError
        If a tree's arguments are not those that skops writes, or contradict each other.
    KeyError, ValueError
        If the file has no schema, or one that is no JSON.
    """
    objects = list(_objects(json.loads(archive.read("schema.json"))))
    same_id = defaultdict(list)
    for part in objects:
        if "__id__" in part:
            same_id[part["__id__"]].append(part)
    for tree in objects:
        if tree.get("__loader__") != "TreeNode":
            continue
        try:
            arguments = tree["__reduce__"]["args"]
            _, class_counts, outputs = arguments["content"]
            # skops restores an object of the same id only once: all of them must be the one that is looked at.
            unique = all(
                other == part
                for part in (arguments, *arguments["content"])
                if "__id__" in part
                for other in same_id[part["__id__"]]
            )
            sound = (
                unique
                and arguments["__loader__"] == "TupleNode"
                and class_counts["__loader__"] == "NdArrayNode"
                and (class_counts["type"], class_counts["__class__"]) == ("numpy", "ndarray")
                and outputs["__loader__"] == "JsonNode"
                and array_shape(archive, class_counts["file"], name) == (_integer(outputs["content"]),)
            )
        except (KeyError, TypeError, ValueError):
            sound = False
        if not sound:
            raise ModelFileError(f"{name} holds a decision tree whose parts contradict each other; save it again.")


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """All objects of a JSON document."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from _objects(part)


def _integer(text: Any) -> int:
    number = json.loads(text)
    if type(number) is not int:
        raise ValueError(f"{text!r} is no integer")
    return number
