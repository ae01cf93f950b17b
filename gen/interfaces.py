"""The core behind standard buses: modules that instantiate ``prototile_core``, for users with a system of their own."""

from typing import Any

from amaranth.lib.data import StructLayout

from prototile.config import Configuration
from prototile.rtl.bus.axi_lite import AxiLite
from prototile.rtl.bus.axi_stream import AxiStream
from prototile.rtl.bus.register_map import Identity, RegisterMap
from prototile.rtl.bus.wishbone import Wishbone
from prototile.verilog import to_verilog_files

#: Names of the modules.
AXI_STREAM, AXI_LITE, WISHBONE = "prototile_axi_stream", "prototile_axi_lite", "prototile_wishbone"
#: Hexadecimal digits of the digest in one register.
_DIGITS = 8


def register_map(config: Configuration, digest: str) -> RegisterMap:
    """The registers of a design behind AXI4-Lite or Wishbone.

    Parameters
    ----------
    config, digest
        The design's.
    """
    return RegisterMap(
        identity=Identity(
            digest=tuple(int(digest[at : at + _DIGITS], 16) for at in range(0, len(digest), _DIGITS)),
            features=config.features,
            bits=config.bits,
            lanes=config.lanes,
            words=config.words,
            prototypes=config.prototype_count,
            classes=config.class_count,
        ),
        saturated_width=config.saturated_width,
        record_fields=config.record_fields(),
    )


def interface_verilog(config: Configuration, digest: str, write: StructLayout | None = None) -> dict[str, str]:
    """Verilog of all bus interfaces of a design, by the name of the module; each needs ``prototile_core`` beside it.

    Parameters
    ----------
    config, digest
        The design's.
    write
        Layout of a word for a memory, where these can be written.

    Raises
    ------
    ToolError
        If yosys fails.
    """
    map_ = register_map(config, digest)
    components: dict[str, Any] = {
        AXI_STREAM: AxiStream(
            word_width=config.word_width,
            saturated_width=config.saturated_width,
            record_fields=config.record_fields(),
            write=write,
        ),
        AXI_LITE: AxiLite(map_, write),
        WISHBONE: Wishbone(map_, write),
    }
    return to_verilog_files(components)
