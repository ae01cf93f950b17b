"""torchhd's Centroid, if its class vectors are signs."""

from typing import Any

import numpy as np

from prototile.errors import InputError, UnsupportedModelError
from prototile.frontends.base import NamedFrontEnd
from prototile.maps import AffineMap
from prototile.model import PrototypeModel

_NAME = "Centroid"


class TorchhdCentroidFrontEnd(NamedFrontEnd):
    """Takes torchhd's ``Centroid`` whose weights have one magnitude: class vectors of bits, by Hamming distance.

    For queries of -1 and 1 the similarity with a class vector of signs is ``features - 2 * differing``, times the
    magnitude. So the class of the largest dot product is the one with the fewest differing signs, and the same holds
    for the cosine, as all class vectors are of one length. Queries stay what they are for torchhd: -1 becomes the bit 0
    and 1 becomes 1. Classes are the numbers of the outputs.
    """

    library = "torchhd"
    names = (_NAME,)
    supported = "torchhd's Centroid with weights of -1 and 1"

    def convert(self, model: Any) -> PrototypeModel:
        """Return its class vectors as prototypes.

        Raises
        ------
        UnsupportedModelError
            If its weights are no signs.
        InputError
            If it is not trained.
        """
        weights = np.asarray(model.weight.detach().cpu().numpy(), np.float64)
        if not weights.any():
            raise InputError(f"the {_NAME} is not trained; its weights are all 0.")
        magnitudes = np.unique(np.abs(weights))
        if len(magnitudes) != 1:
            raise UnsupportedModelError(
                f"{_NAME} has weights of {len(magnitudes)} magnitudes, from {magnitudes[0].item():.6g} to"
                f" {magnitudes[-1].item():.6g}, but the chip compares signs; binarise it first with model.weight.data ="
                " torchhd.hard_quantize(model.weight.data), and check its accuracy."
            )
        count = weights.shape[1]
        return PrototypeModel(
            weights > 0,
            np.arange(len(weights)),
            metric="hamming",
            preprocess=AffineMap(np.full(count, 0.5), np.full(count, 0.5)),
            trained=True,
        )
