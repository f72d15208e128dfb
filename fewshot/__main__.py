"""Run the command line as ``python -m fewshot``; all of it is in `fewshot.cli.app`."""

import sys

from fewshot.cli import main

sys.exit(main())
