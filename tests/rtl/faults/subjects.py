"""Small designs whose chips are tried, and what their chips must answer."""

import struct
from functools import cached_property

import numpy as np

import prototile as pt
from prototile.boards.driver import RESPONSE, Command, Frame, pack_components
from prototile.design import Design
from prototile.folder import chip_with_self_test


def small_design(count: int = 9, features: int = 4, seed: int = 1, **options) -> Design:
    """A design with few prototypes of few components of four bits, all different."""
    numbers = np.random.default_rng(seed)
    vectors = numbers.choice(16**features, count, replace=False)[:, None] // 16 ** np.arange(features) % 16
    model = pt.PrototypeModel(vectors, np.arange(count) % 3, metric="l1")
    return pt.convert(model, bits=4, **options)


def fixed_design() -> Design:
    """One whose memories stay as they are."""
    return small_design()


def written_design() -> Design:
    """One whose memories can be written."""
    return small_design(count=6, features=3, writable=True)


class Host:
    """What a chip of a design is asked, and what it must answer, by the golden model.

    Parameters
    ----------
    design
        Its design.
    pool
        Queries to choose from.
    """

    def __init__(self, design: Design, pool: int = 512, seed: int = 2):
        self.design = design
        self.chip = chip_with_self_test(design)
        config = design.config
        numbers = np.random.default_rng(seed)
        self.queries = numbers.integers(0, 1 << config.bits, (pool, config.features))
        self.queries[: config.prototype_count] = design.quantised.exemplars
        self.saturated = numbers.integers(0, config.features + 1, pool)
        self.records = design.golden.decide(self.queries, self.saturated)
        padded = np.zeros((pool, config.words * config.lanes), np.int64)
        padded[:, : config.features] = self.queries
        self._components = pack_components(padded, config.bits)
        self._packed = [packed(record, config.record_fields()) for record in self.records]

    @cached_property
    def words(self) -> list[bytes]:
        """Payloads that write all that can be written: prototypes, and what the chip says of itself."""
        if self.chip.image is None:
            return []
        size = self.chip.image.shape[1]
        identity = [
            (1 | at << 1 | octet << 9).to_bytes(size, "little") for at, octet in enumerate(self.design.identity)
        ]
        return [*(row.tobytes() for row in self.chip.image), *identity]

    @property
    def commands(self) -> tuple[Command, ...]:
        """Requests that the chip serves."""
        common = (Command.CLASSIFY, Command.SELF_TEST, Command.IDENTIFY)
        return common if self.chip.image is None else (*common, Command.WRITE)

    def request(self, command: Command, sequence: int, number: int) -> Frame:
        """A request; `number` says which query of the pool, or which of `words`."""
        query = number % len(self.queries)
        payload = b""
        if command in (Command.CLASSIFY, Command.SELF_TEST):
            payload = struct.pack("<H", self.saturated[query]) + self._components[query]
        if command == Command.SELF_TEST:
            payload = struct.pack("<H", self.records["prototype"][query]) + payload
        if command == Command.WRITE:
            payload = self.words[number % len(self.words)]
        return Frame(command, sequence, payload)

    def answer(self, command: Command, sequence: int, number: int) -> Frame:
        """What the chip must answer to `request`."""
        query = number % len(self.queries)
        payload = {Command.IDENTIFY: self.design.identity, Command.WRITE: b""}.get(command, self._packed[query])
        if command == Command.SELF_TEST:
            payload = bytes([int(self.records["distance"][query] == 0)]) + payload
        return Frame(command | RESPONSE, sequence, payload)


def packed(record, fields) -> bytes:
    """A record as its frame has it."""
    total = place = 0
    for name, width, _ in fields:
        total |= (int(record[name]) & (1 << width) - 1) << place
        place += width
    return total.to_bytes(-(-place // 8), "little")
