"""The command line."""

from fewshot.cli.app import main as main
