"""Knowledge files of NeuroMem's chips (CM1K, NM500) and their software."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from prototile.errors import ModelFileError, UnsupportedModelError
from prototile.model import PrototypeModel

_FORMAT = 0x1704
#: Besides the components: context, influence field, least influence field, category.
_FIELDS = 4
_BYTE = 255
_NORM, _CONTEXT = 0x80, 0x7F
_CATEGORY = 0x7FFF
#: What a chip answers if no neuron fires.
_UNKNOWN = 0xFFFF


def read_knf(file: Path) -> PrototypeModel:
    """Read the neurons of a ``.knf`` file.

    It has a header of four integers, the format 0x1704, the components of a neuron, the number of neurons and 0, and
    for each neuron its context register, components, active and least influence field and category. Integers have
    2 or 4 bytes, little-endian, which the length of the file tells.

    A neuron is a prototype of the category that it was taught, and fires if the distance is smaller than its active
    influence field, as on the chip: without a firing neuron the answer is 65535, as the chip's is. The norm is bit 7 of
    the context register: L1, or Lsup, which is ``linf``. Bit 15 of a category only says that the neuron has
    degenerated.

    Parameters
    ----------
    file
        Path of the file.

    Returns
    -------
    PrototypeModel
        In chip units, 8 bits. It has all components of a neuron, mostly 256; shorter vectors are filled up with 0.

    Raises
    ------
    ModelFileError
        If the file is none of the kind, or damaged.
    UnsupportedModelError
        If neurons differ in context or norm.
    """
    records, size = _records(file)
    components, fields, categories = records[:, 1 : 1 + size], records[:, 1 + size], records[:, -1] & _CATEGORY
    if components.max() > _BYTE:
        neuron, component = (int(index) for index in np.argwhere(components > _BYTE)[0])
        raise ModelFileError(
            f"component {component} of neuron {neuron} is {int(components[neuron, component])}, which is no byte; save"
            " the knowledge again."
        )
    for name, values in (("norms", records[:, 0] & _NORM), ("contexts", records[:, 0] & _CONTEXT)):
        if len(np.unique(values)) > 1:
            raise UnsupportedModelError(
                f"the neurons have different {name}, {', '.join(map(str, np.unique(values).tolist()))} in their context"
                " registers, but all prototypes of a chip are asked together; save the knowledge of one context."
            )
    return PrototypeModel(
        components,
        categories,
        metric="linf" if records[0, 0] & _NORM else "l1",
        radii=fields[:, None],
        reject=_UNKNOWN,
    )


def _records(file: Path) -> tuple[NDArray[np.int64], int]:
    """Integers of each neuron (neurons, size + 4), and the components of a neuron."""
    content = file.read_bytes()
    for width in (2, 4):
        if len(content) % width or len(content) < 4 * width:
            continue
        numbers = np.frombuffer(content, f"<u{width}").astype(np.int64)
        kind, size, count, _ = numbers[:4].tolist()
        if kind == _FORMAT and size > 0 and count > 0 and len(numbers) == 4 + count * (size + _FIELDS):
            return numbers[4:].reshape(count, size + _FIELDS), size
    raise ModelFileError(
        "it is no undamaged file of NeuroMem's knowledge, which has the integers 0x1704, components, neurons and 0 of 2"
        " or 4 bytes, and as many neurons as it says; save the knowledge again."
    )
