"""Tests of the scripts, which import one another by bare name, as when one of them is run."""

import sys
from pathlib import Path

SCRIPTS = Path(__file__).parent.parent.parent / "scripts"
sys.path[:0] = [str(SCRIPTS / folder) for folder in ("export", "benchmark", "fuzz")]
