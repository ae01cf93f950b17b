"""The package as `make setup` installs it."""

import subprocess
import sys


def test_folder_of_the_same_name_does_not_hide_the_package(tmp_path):
    (tmp_path / "prototile").mkdir()
    (tmp_path / "script.py").write_text("import prototile as pt, prototile.rtl.tile; print(pt.convert.__name__)\n")
    for words in (["script.py"], ["-c", (tmp_path / "script.py").read_text()]):
        result = subprocess.run([sys.executable, *words], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (result.returncode, result.stdout) == (0, "convert\n"), result.stderr
