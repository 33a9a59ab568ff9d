"""Standard input, as lists of targets and statements are read from it."""

import sys
from io import BytesIO
from typing import BinaryIO


def standard_input() -> BinaryIO:
    """Return standard input as bytes; a program without a console has none."""
    return BytesIO() if sys.stdin is None else sys.stdin.buffer
