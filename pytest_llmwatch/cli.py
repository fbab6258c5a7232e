"""The command `pytest-llmwatch`."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the result is the exit code."""
    parser = argparse.ArgumentParser(prog="pytest-llmwatch", description="Record, replay and watch model calls.")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    demo = commands.add_parser(
        "demo", help="record, replay offline, edit a prompt, see what fails: the main job, without a key"
    )
    demo.set_defaults(run=_demo)
    options = parser.parse_args(arguments)
    if not hasattr(options, "run"):
        parser.print_help()
        return 2
    code: int = options.run(options)
    return code


def _demo(_options: argparse.Namespace) -> int:
    from .demo.story import tell

    return tell(sys.stdout)


if __name__ == "__main__":
    sys.exit(main())
