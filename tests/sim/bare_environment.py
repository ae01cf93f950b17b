"""Virtual environments in which only some distributions are installed, made of links to those of this one."""

import re
import venv
from importlib.metadata import distribution
from pathlib import Path


def make(folder: Path, *names: str) -> Path:
    """Install distributions with all that they need, but for extras; returns the folder of their programs."""
    venv.create(folder, with_pip=False)
    (packages,) = folder.glob("lib/python*/site-packages")
    programs = folder / "bin"
    for name in _needed(names):
        found = distribution(name)
        for top in {file.parts[0] for file in found.files or [] if file.parts[0] not in ("..", "__pycache__")}:
            if not (packages / top).exists():
                (packages / top).symlink_to(str(found.locate_file(top)))
        for script in found.entry_points.select(group="console_scripts"):
            program = programs / script.name
            lines = (
                f"#!{programs}/python",
                "import sys",
                f"from {script.module} import {script.attr}",
                f"sys.exit({script.attr}())",
            )
            program.write_text("\n".join(lines) + "\n")
            program.chmod(0o755)
    return programs


def requirements(name: str) -> set[str]:
    """Names of what a distribution needs itself; what only some systems or extras need is left out."""
    lines = [line for line in distribution(name).requires or [] if ";" not in line]
    return {match[0] for line in lines if (match := re.match(r"[\w.-]+", line))}


def _needed(names: tuple[str, ...]) -> set[str]:
    done: set[str] = set()
    wanted = set(names)
    while wanted:
        name = wanted.pop()
        done.add(name)
        wanted |= requirements(name) - done
    return done
