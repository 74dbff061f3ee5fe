"""Lets the tests of this room find the hosts, and the workflows that they run, whatever the import mode of pytest."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "faults")]
