"""What the flaws of tests/flawed begin with: `import base` gives that module here too."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "flawed"))
del sys.modules["base"]  # this one: the next of that name is what `import base` gives

import base  # noqa: E402, F401  (only now can it be found)
