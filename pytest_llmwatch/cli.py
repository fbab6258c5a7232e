"""The command `pytest-llmwatch`."""

from __future__ import annotations

import argparse
import io
import os
import shutil
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

BROKEN_PIPE = 141  # what a shell reports for a program that SIGPIPE has ended


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the result is the exit code."""
    parser = _parser()
    given, paths = _without_paths(list(sys.argv[1:] if arguments is None else arguments))
    options, left = parser.parse_known_args(given)
    if left and (given[0] != "diff" or any(each.startswith("-") for each in left)):
        parser.error(f"unrecognized arguments: {' '.join(left)}")
    options.paths_given, options.more = paths, left
    if not hasattr(options, "run"):
        parser.print_help()
        return 2
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        code: int = options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read us has seen enough. Python would flush what is left at exit, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except KeyboardInterrupt:
        return 130
    return code


def _without_paths(given: list[str]) -> tuple[list[str], list[str] | None]:
    """The arguments of `diff` up to `--`, and the paths behind it: argparse would not say on which side one stood."""
    if given[:1] != ["diff"] or "--" not in given:
        return given, None
    place = given.index("--")
    return given[:place], given[place + 1 :]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="pytest-llmwatch", description="Record, replay and watch model calls.")
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    demo = commands.add_parser(
        "demo", help="record, replay offline, edit a prompt, see what fails: the main job, without a key"
    )
    demo.set_defaults(run=_demo)

    show = commands.add_parser("show", help="what the calls in cassettes were: sent, answered, spent")
    show.add_argument("cassettes", nargs="+", metavar="CASSETTE", help="a cassette, or a folder for all below it")
    show.add_argument("--json", action="store_true", help="one JSON object a line for every recorded exchange")
    show.add_argument("--full", action="store_true", help="do not fold long texts")
    show.set_defaults(run=_show)

    cost = commands.add_parser("cost", help="what recordings cost: by test, model and provider, and what has no price")
    cost.add_argument(
        "cassettes", nargs="*", metavar="CASSETTE", help="a cassette or a folder; without one, every cassettes folder"
    )
    cost.add_argument("--json", action="store_true", help="one JSON object a line for every sum")
    cost.add_argument(
        "--at", type=_day, metavar="DAY", help="the prices of that day, such as today or 2026-01-31, not those paid"
    )
    cost.set_defaults(run=_cost)

    diff = commands.add_parser(
        "diff",
        help="recordings and snapshots against a revision of git: what changed, why, what it costs; runs no test",
        usage="%(prog)s [options] [REV] [--] [PATH ...]",
    )
    diff.add_argument(
        "arguments",
        nargs="*",
        metavar="REV PATH",
        help="a revision (without one: where this branch left the main one), then cassettes, folders or test files",
    )
    diff.add_argument("--format", choices=("text", "markdown", "json"), default="text", help="default: text")
    diff.add_argument("--json", action="store_true", help="the same as --format json: an object a line")
    diff.add_argument(
        "--fail-on",
        action="append",
        default=[],
        metavar="WHAT",
        help="exit code 1 for drifted, broken, or a total cost that grew (cost=+10%%); with commas, or repeated",
    )
    diff.add_argument(
        "--at",
        type=_day,
        metavar="DAY",
        help="the day whose prices count on both sides, such as 2026-01-31; default: today",
    )
    diff.add_argument("--full", action="store_true", help="show every test whole")
    diff.set_defaults(run=_diff)

    lint = commands.add_parser(
        "lint",
        help="secrets, unreadable, unused and outdated cassettes and snapshots; collects the tests, runs none",
    )
    lint.add_argument(
        "paths", nargs="*", metavar="PATH", help="a cassette or a folder; without one, every cassettes folder"
    )
    lint.add_argument("--json", action="store_true", help="one JSON object a line for every finding")
    lint.add_argument(
        "--delete-orphans", action="store_true", help="delete the cassettes whose test is gone; asks first"
    )
    lint.add_argument(
        "--at", type=_day, metavar="DAY", help="judge ages and models as of that day, such as 2027-02-01, not of today"
    )
    lint.add_argument("--yes", action="store_true", help="with --delete-orphans: do not ask")
    lint.set_defaults(run=_lint, parser=lint)

    _add_decisions(commands)
    export = commands.add_parser("export", help="cassettes in the format of vcrpy")
    export.add_argument("cassettes", nargs="+", metavar="CASSETTE", help="a cassette, or a folder for all below it")
    export.add_argument("--output", metavar="FOLDER", help="where to write; without it one cassette goes to stdout")
    export.set_defaults(run=_export)
    return parser


def _add_decisions(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    named = {"nargs": "*", "metavar": "TEST-OR-PATH"}
    what = "a test, a cassette, a candidate, or a folder for all below it"
    review = commands.add_parser(
        "review", help="candidates of --llm-check and pending recordings one by one: accept, reject, skip"
    )
    review.add_argument("names", **named, help=f"{what}; without one, all that waits")  # type: ignore[arg-type]  # as `named` says
    review.set_defaults(run=_review)

    accept = commands.add_parser("accept", help="make candidates and pending recordings the baselines; calls no model")
    accept.add_argument("names", **named, help=what)  # type: ignore[arg-type]  # as above
    accept.add_argument("--all", action="store_true", help="all that waits, but for tests that failed")
    accept.add_argument(
        "--force", action="store_true", help="also where the baseline has changed since, or the test failed"
    )
    accept.set_defaults(run=_accept, parser=accept)

    reject = commands.add_parser("reject", help="delete candidates and pending recordings")
    reject.add_argument("names", **named, help=what)  # type: ignore[arg-type]  # as above
    reject.add_argument("--all", action="store_true", help="all that waits")
    reject.set_defaults(run=_reject, parser=reject)


class _Version(argparse.Action):
    """Looks the version up when it is asked for: `argparse` wants it at every start."""

    def __call__(self, parser: argparse.ArgumentParser, *_given: object) -> None:
        """Print it and end."""
        from importlib import metadata

        print(f"pytest-llmwatch {metadata.version('pytest-llmwatch')}")
        parser.exit()


def _demo(_options: argparse.Namespace) -> int:
    from .demo.story import tell

    return tell(sys.stdout)


def _show(options: argparse.Namespace) -> int:
    from .commands import show
    from .commands.prices import installed_prices, pricer, project_prices
    from .commands.third_parties import decoder, installed_formats
    from .errors import SettingError

    decode = decoder(installed_formats(_warn))
    try:
        price = pricer(project_prices(), installed_prices(_warn))
    except SettingError as error:
        _warn(str(error))
        return 1
    if options.json:
        lines = show.json_lines(decode, price)
    else:
        width = shutil.get_terminal_size((100, 24)).columns
        lines = show.pages(decode, price, width=width, colour=_has_colour(), folded=not options.full)
    return show.show(options.cassettes, lines, out=sys.stdout, warn=_warn)


def _day(text: str) -> datetime:
    from datetime import UTC, datetime

    if text == "today":
        return datetime.now(UTC)
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither today nor a day such as 2026-01-31") from None
    return given if given.tzinfo else given.replace(tzinfo=UTC)


def _cost(options: argparse.Namespace) -> int:
    from .commands.cost import cost
    from .commands.prices import installed_prices, pricer, project_prices
    from .commands.third_parties import decoder, installed_formats
    from .errors import SettingError

    try:
        own = project_prices()
        price = pricer(own, installed_prices(_warn), day=options.at)
    except SettingError as error:
        _warn(str(error))
        return 1
    return cost(
        options.cassettes,
        decoder(installed_formats(_warn)),
        price,
        out=sys.stdout,
        warn=_warn,
        as_json=options.json,
        day=options.at and f"{options.at:%Y-%m-%d}",
        own=own,
    )


def _diff(options: argparse.Namespace) -> int:
    from .commands import diff
    from .commands.prices import installed_prices, pricer, project_lines, project_prices
    from .commands.third_parties import decoder, installed_formats
    from .commands.thresholds import thresholds
    from .errors import SettingError
    from .request_key import ignored_field

    day = options.at or _day("today")
    try:
        fail_on = thresholds(options.fail_on)
        ignored = [ignored_field(line) for line in project_lines("llm_ignore_request_fields")]
        price = pricer(project_prices(), installed_prices(_warn), day=day)
    except SettingError as error:
        _warn(str(error))
        return diff.MISUSED
    return diff.diff(
        diff.Asked(arguments=[*options.arguments, *options.more], paths=options.paths_given),
        decoder(installed_formats(_warn)),
        price,
        printing=diff.Printing(
            format="json" if options.json else options.format,
            width=shutil.get_terminal_size((100, 24)).columns,
            colour=_has_colour(),
            in_full=options.full,
            day=f"{day:%Y-%m-%d}",
        ),
        ignored=ignored,
        fail_on=fail_on,
        out=sys.stdout,
        warn=_warn,
    )


def _lint(options: argparse.Namespace) -> int:
    from datetime import UTC, datetime

    from .commands import lint

    if options.yes and not options.delete_orphans:
        options.parser.error("--yes answers the question of --delete-orphans: give both")
    return lint.lint(
        options.paths,
        as_json=options.json,
        now=options.at or datetime.now(UTC),
        delete="no" if not options.delete_orphans else "yes" if options.yes else "ask",
        stdin=sys.stdin,
        out=sys.stdout,
        warn=_warn,
    )


def _review(options: argparse.Namespace) -> int:
    from .commands.review import review

    width = shutil.get_terminal_size((100, 24)).columns
    return review(options.names, stdin=sys.stdin, out=sys.stdout, warn=_warn, width=width, colour=_has_colour())


def _accept(options: argparse.Namespace) -> int:
    from .commands.accept import accept

    _check_names(options)
    return accept(options.names, every=options.all, force=options.force, out=sys.stdout, warn=_warn)


def _reject(options: argparse.Namespace) -> int:
    from .commands.accept import reject

    _check_names(options)
    return reject(options.names, every=options.all, out=sys.stdout, warn=_warn)


def _check_names(options: argparse.Namespace) -> None:
    if bool(options.names) == options.all:
        options.parser.error("name tests or files, or give --all; `pytest-llmwatch review` shows what waits")


def _has_colour() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _export(options: argparse.Namespace) -> int:
    from .commands.export import export

    return export(options.cassettes, output=options.output, out=sys.stdout, warn=_warn)


def _warn(text: str) -> None:
    from .drift.visible import visible_lines

    shown = visible_lines(text.rstrip("\n")).replace("\n", "\n  ")
    print(f"pytest-llmwatch: {shown}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
