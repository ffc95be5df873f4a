"""Tests of the contract import it as the servers do: from servers/."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "servers"))
