"""The environment of the peers: made from requirements.txt when it is first needed, and anew when that changes."""

import re
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from shutil import rmtree

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
FOLDER = Path(__file__).parents[3] / "build" / "peers"
_PINNED = re.compile(r"^([A-Za-z0-9_-]+)(?:\[[a-z,]+\])?==(\S+)$", re.MULTILINE)


@cache
def versions() -> Mapping[str, str]:
    """Return what is compared with, and in which version."""
    return dict(_PINNED.findall(REQUIREMENTS.read_text()))


@cache
def python() -> Path:
    """Return the Python of the environment. Raises CalledProcessError if it cannot be made."""
    wanted = f"{sys.version}\n{REQUIREMENTS.read_text()}"
    stamp = FOLDER / "installed"
    found = FOLDER / "bin" / "python"
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"Installing the peers into {FOLDER} ...", file=sys.stderr)
        rmtree(FOLDER, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", FOLDER], check=True)
        install = (found, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", REQUIREMENTS)
        subprocess.run(list(map(str, install)), check=True)
        stamp.write_text(wanted)
    return found
