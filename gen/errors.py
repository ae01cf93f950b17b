"""Errors for a user's mistakes: one sentence, the offending value, the way out."""

import re

#: Characters of a message at most: what a file holds is quoted in it. The list of all supported models fits.
_LONGEST = 1900
#: Characters of a message without a space between them at most: a long path fits.
_LONGEST_WORD = 400
_LONG_WORDS = re.compile(rf"\S{{{_LONGEST_WORD + 1},}}")


class LossWarning(UserWarning):
    """A design answers otherwise than its model on more of the calibration data than was stated as tolerable."""


class PrototileError(Exception):
    """Base of every error that a user can cause; the message is one sentence, fit to be shown as it is.

    Parameters
    ----------
    message
        The sentence. Characters that would end a line or do other things to a terminal are shown as escapes, and what
        is too long is cut out of its middle.
    """

    def __init__(self, message: str) -> None:
        text = "".join(
            character if character.isprintable() else repr(character)[1:-1] for character in _shortened(message)
        )
        # Escapes are longer than what they stand for.
        super().__init__(_shortened(text))


def _shortened(message: str) -> str:
    message = _LONG_WORDS.sub(lambda word: _ends(word[0], _LONGEST_WORD), message)
    # The end of a sentence is the way out.
    return _ends(message, _LONGEST)


def _ends(text: str, longest: int) -> str:
    """Leave text as it is, or only as much of both its ends as fits."""
    kept = (longest - len("...")) // 2
    return text if len(text) <= longest else f"{text[:kept]}...{text[-kept:]}"


class UnsupportedModelError(PrototileError):
    """The model computes something that the chip would not compute exactly, so it is refused."""


class ModelFileError(PrototileError):
    """A model, vector or design file is missing, empty, damaged, or of the wrong kind."""


class InputError(PrototileError):
    """Input data or a parameter has the wrong shape, type or value."""


class FitError(PrototileError):
    """The design does not fit the board."""


class BoardError(PrototileError):
    """The board is unknown, or does not answer as it should."""


class DigestError(BoardError):
    """A bitstream or a connected chip holds another design."""


class ToolError(PrototileError):
    """A simulator, synthesis or place-and-route run failed; the message names its log."""


class TimingError(ToolError):
    """Place-and-route missed the target clock."""
