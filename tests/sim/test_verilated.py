from pathlib import Path

import pytest

from prototile.errors import ToolError
from prototile.sim.verilated import compiled


@pytest.mark.tools
def test_failed_run_leaves_its_log_only(tmp_path, monkeypatch):
    monkeypatch.setenv("PROTOTILE_CACHE", str(tmp_path / "cache"))
    broken = tmp_path / "prototile_core.v"
    broken.write_text("module prototile_core (input clk;\n")
    with pytest.raises(ToolError, match="verilator failed on the generated Verilog: see ") as caught:
        compiled([broken], top="prototile_core", harness="core.cpp")
    assert "syntax error" in Path(str(caught.value).partition(": see ")[2]).read_text()
    assert list((tmp_path / "cache" / "simulations").iterdir()) == []
