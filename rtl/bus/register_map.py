"""The register map of the memory-mapped forms of the core: hardware, documentation and tests are made from it."""

from dataclasses import dataclass
from enum import Enum

from amaranth.lib import data

from prototile.rtl.checks import positive
from prototile.rtl.layout import TAG_WIDTH

#: Bits of one register, and of the bus.
REGISTER_WIDTH = 32
#: Bits of a byte address: 4 KiB, the smallest region that many interconnects give.
ADDRESS_WIDTH = 12
#: First register, read as a number; in memory, its bytes spell PTIL.
MAGIC = int.from_bytes(b"PTIL", "little")
#: Of the register map; changes when software that was written for an older one would go wrong.
VERSION = 1
#: Queries that may have started without their record having been popped; fewer than there are tags, so that a tag
#: tells such queries apart.
MAX_PENDING = (1 << TAG_WIDTH) - 1
#: Where the fields of the record begin, in bytes.
RECORD_OFFSET = 0x80

STATUS = data.StructLayout({"query_ready": 1, "record_valid": 1, "busy": 1, "begun": 1})
CONTROL = data.StructLayout({"pop": 1, "abort": 1})


class Access(Enum):
    """What the bus may do with a register; anything else is refused, as at an address without a register."""

    READ = "read"
    WRITE = "write"
    READ_WRITE = "read, write"


@dataclass(frozen=True, kw_only=True)
class Register:
    """One register.

    Parameters
    ----------
    name
        In lower case; unique.
    offset
        Byte address, a multiple of four.
    access
        What the bus may do with it.
    width
        Bits in use, from bit 0. Those above read as 0, or as the sign bit, and are ignored when written.
    meaning
        A phrase for the documentation.
    signed
        Whether the bits above repeat the sign.
    value
        What it always reads as; None if it changes.
    """

    name: str
    offset: int
    access: Access
    width: int
    meaning: str
    signed: bool = False
    value: int | None = None

    @property
    def readable(self) -> bool:
        """Whether reads are answered."""
        return self.access is not Access.WRITE

    @property
    def writable(self) -> bool:
        """Whether writes are taken."""
        return self.access is not Access.READ


@dataclass(frozen=True, kw_only=True)
class RecordPart:
    """The part of a field of the record that one register holds.

    Attributes
    ----------
    field
        Name in the record.
    low, width
        First bit of the field and number of bits.
    register
        Where they are read.
    """

    field: str
    low: int
    width: int
    register: Register


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What the first registers tell about the design.

    Parameters
    ----------
    digest
        Its digest in numbers of 32 bits, first digits first.
    features, bits, lanes, words
        Components of a query, bits of each, components in a word, words.
    prototypes, classes
        Sizes of the model.
    """

    digest: tuple[int, ...]
    features: int
    bits: int
    lanes: int
    words: int
    prototypes: int
    classes: int


class RegisterMap:
    """All registers of one design.

    Parameters
    ----------
    identity
        Of the design.
    saturated_width
        Bits of the count of clipped components.
    record_fields
        Name, width, and whether signed, of each field of the record; a field wider than a register takes several,
        low bits first.

    Attributes
    ----------
    registers : tuple of `Register`, by rising offset
    record : tuple of `RecordPart`
        For each register of the record, what it holds; the tag comes first.
    """

    def __init__(
        self, *, identity: Identity, saturated_width: int, record_fields: tuple[tuple[str, int, bool], ...]
    ) -> None:
        positive(saturated_width=saturated_width, words=identity.words, lanes=identity.lanes, bits=identity.bits)
        self.identity = identity
        self.saturated_width = saturated_width
        self.record_fields = record_fields
        self.record = self._record()
        self.registers = (*self._constants(), *self._controls(), *(part.register for part in self.record))
        end = self.registers[-1].offset + 4
        if end > 1 << ADDRESS_WIDTH:
            raise ValueError(f"the registers take {end} bytes, more than the {1 << ADDRESS_WIDTH} of the bus")

    @property
    def word_width(self) -> int:
        """Bits of one word of a query."""
        return self.identity.lanes * self.identity.bits

    @property
    def writes_per_word(self) -> int:
        """Writes to ``query_data`` that make one word of a query."""
        return -(-self.word_width // REGISTER_WIDTH)

    def __getitem__(self, name: str) -> Register:
        """The register of this name; KeyError if there is none."""
        for register in self.registers:
            if register.name == name:
                return register
        raise KeyError(name)

    def _constants(self):
        identity = self.identity
        values = [
            ("magic", MAGIC, "always this number, the bytes `PTIL`"),
            ("version", VERSION, "of the register map"),
        ]
        first = ", the first eight digits"
        for at, word in enumerate(identity.digest):
            values.append((f"digest_{at}", word, f"digest of the design{first if at == 0 else ', the next eight'}"))
        values += [
            ("features", identity.features, "components of a query"),
            ("bits", identity.bits, "bits of a component"),
            ("lanes", identity.lanes, "components in a word of a query"),
            ("words", identity.words, "words of a query"),
            ("prototypes", identity.prototypes, "prototypes of the model"),
            ("classes", identity.classes, "classes of the model"),
        ]
        for at, (name, value, meaning) in enumerate(values):
            yield Register(
                name=name, offset=4 * at, access=Access.READ, width=REGISTER_WIDTH, meaning=meaning, value=value
            )

    def _controls(self):
        word = f"{self.writes_per_word} writes make a word, low bits first" if self.writes_per_word > 1 else "one word"
        rows = [
            ("status", Access.READ, STATUS.size, f"{_bits(STATUS)}"),
            ("control", Access.WRITE, CONTROL.size, f"{_bits(CONTROL)}; a 1 acts, a 0 does nothing"),
            ("interrupt", Access.READ_WRITE, 1, "bit 0: `irq` is high while a record is valid"),
            ("query_tag", Access.READ_WRITE, TAG_WIDTH, "comes back with the record; taken with the last word"),
            (
                "query_saturated",
                Access.READ_WRITE,
                self.saturated_width,
                "clipped components; taken with the last word",
            ),
            (
                "query_data",
                Access.WRITE,
                min(self.word_width, REGISTER_WIDTH),
                f"{word}; the last word starts the query",
            ),
        ]
        for at, (name, access, width, meaning) in enumerate(rows):
            yield Register(name=name, offset=0x40 + 4 * at, access=access, width=width, meaning=meaning)

    def _record(self) -> tuple[RecordPart, ...]:
        parts: list[RecordPart] = []
        for field, width, signed in (("tag", TAG_WIDTH, False), *self.record_fields):
            for low in range(0, width, REGISTER_WIDTH):
                in_register = min(REGISTER_WIDTH, width - low)
                is_last = low + in_register == width
                whole = width <= REGISTER_WIDTH
                register = Register(
                    name=f"record_{field}" + (f"_{low // REGISTER_WIDTH}" if low else ""),
                    offset=RECORD_OFFSET + 4 * len(parts),
                    access=Access.READ,
                    width=in_register,
                    signed=signed and is_last,
                    meaning=f"`{field}`" if whole else f"`{field}`, bits {low + in_register - 1} to {low}",
                )
                parts.append(RecordPart(field=field, low=low, width=in_register, register=register))
        return tuple(parts)


def _bits(layout: data.StructLayout) -> str:
    return ", ".join(f"bit {field.offset}: `{name}`" for name, field in layout)
