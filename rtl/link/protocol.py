"""The protocol of the link: what a frame holds. Framing and CRC are in `framing` and `crc`.

A frame's body is: command (8 bits), sequence number (8), length of the payload in bytes (16), payload, CRC-32 of all
this (32); numbers are little-endian. A response has the request's command with `RESPONSE` set, and its sequence number.

| command     | payload of the request                                 | payload of the response                       |
|-------------|--------------------------------------------------------|-----------------------------------------------|
| `IDENTIFY`  | none                                                   | the identity, constant bytes                  |
| `CLASSIFY`  | clipped components (16), components                    | the decision record                           |
| `SELF_TEST` | expected prototype (16), then as `CLASSIFY`            | 1 if it won at distance 0, else 0 (8); record |
| `WRITE`     | a word for a memory, or a byte of the identity         | none                                          |
| `ERROR`     |                                                        | a `Fault` (8)                                 |

Components and the fields of the record are packed without gaps, least significant bit first, and zeros fill the last
byte. `WRITE` is only known to a chip whose memories can be written; its payload is `image_layout`. A request whose
numbers do not fit their fields in the chip, or that is not filled with zeros, is damaged.
"""

from amaranth.lib import data, enum


class Command(enum.Enum, shape=3):
    """Commands of requests, by the lowest bits of their code; 0 stands for the error response."""

    ERROR = 0
    IDENTIFY = 1
    CLASSIFY = 2
    SELF_TEST = 3
    WRITE = 4


#: Set in the command of a response.
RESPONSE = 0x80
#: Command of the error response.
ERROR_RESPONSE = 0xFF


class Fault(enum.Enum, shape=3):
    """Why a request was not served."""

    NONE = 0
    #: Its CRC or its length is wrong. The response has sequence number 0, for the request's is not known.
    DAMAGED = 1
    UNKNOWN_COMMAND = 2
    WRONG_LENGTH = 3
    #: The core has no place for the query; or, for a self-test or a word to be written, has queries inside.
    BUSY = 4


#: Bits of the parts of a body.
COMMAND_WIDTH = 8
SEQUENCE_WIDTH = 8
LENGTH_WIDTH = 16
NUMBER_WIDTH = 16
CRC_WIDTH = 32

#: Bits that number the bytes of the identity, and of one of them.
IDENTITY_INDEX_WIDTH = 8
IDENTITY_BYTE_WIDTH = 8


def notice_layout(*, writable: bool) -> data.StructLayout:
    """A request that has its response already.

    `Fault.NONE` asks for the identity; or, with ``written`` (only if `writable`), tells that a word was written.
    """
    return data.StructLayout({"fault": Fault, "sequence": SEQUENCE_WIDTH, "written": int(writable)})


def identity_byte_layout() -> data.StructLayout:
    """A byte of the identity, and which it is."""
    return data.StructLayout({"index": IDENTITY_INDEX_WIDTH, "value": IDENTITY_BYTE_WIDTH})


def image_layout(write: data.StructLayout) -> data.StructLayout:
    """Payload of `Command.WRITE`: whether ``of_identity`` is what is written, or ``memory``."""
    kinds = data.UnionLayout({"memory": write, "identity": identity_byte_layout()})
    return data.StructLayout({"of_identity": 1, "written": kinds})


def byte_count(bits: int) -> int:
    """Bytes that hold `bits` bits."""
    return -(-bits // 8)
