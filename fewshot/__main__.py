"""Run the command line as ``python -m fewshot``; all of it is in `fewshot.cli`."""

import sys

from fewshot.cli import main

sys.exit(main())
