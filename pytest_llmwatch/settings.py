"""Where each setting comes from, and which source wins.

Command line > environment > marker > ini file > default, for every setting: `setting_of` is that rule, `SETTINGS` the
table (docs/recording.md shows it).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from .errors import SettingError
from .hosts import LOOPBACK_HOSTS, problem_with

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    import pytest

    from .model_swap import ModelSwap
    from .write_policy import Mode

Guarded = Literal["used", "all", "off"]
ToolFailures = Literal["warn", "fail", "ignore"]
TOOL_FAILURES: tuple[ToolFailures, ...] = ("warn", "fail", "ignore")
SIMILARITIES = ("embedding", "lexical")
GUARDED: tuple[Guarded, ...] = ("used", "all", "off")
MODES: dict[str, Mode] = {
    **dict.fromkeys(("", "0", "false", "no", "none", "off", "replay"), "replay"),
    **dict.fromkeys(("1", "true", "yes", "on", "all", "record"), "record"),
    "new": "new",
    "check": "check",
}
CHECK_FLAG = "--llm-check"
CHECK_VARIABLE = "LLMWATCH_CHECK"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting's names at each source; `None` where a source cannot set it."""

    options: tuple[str, ...] = ()
    environ: str | None = None
    marker: str | None = None
    ini: str
    ini_type: str = "string"
    default: Any = None
    help: str = ""


SETTINGS: dict[str, Setting] = {
    "mode": Setting(
        options=("llmwatch_record", "llm_record"),
        environ="LLMWATCH_RECORD",
        ini="llm_record",
        default="replay",
        help="record model calls: `all` or `new`; `check` compares live answers with the recordings; empty replays",
    ),
    "model": Setting(
        options=("llmwatch_model",),
        environ="LLMWATCH_MODEL",
        ini="llm_models",
        ini_type="linelist",
        default=[],
        help="models that --llm-record and --llm-check ask in place of those in the code, `OLD=NEW`",
    ),
    "record_hosts": Setting(
        environ="LLMWATCH_RECORD_HOSTS",
        ini="llm_record_hosts",
        ini_type="args",
        default=[],
        help="hosts that are recorded although they would pass, such as 127.0.0.1:11434",
    ),
    "passthrough_hosts": Setting(
        environ="LLMWATCH_PASSTHROUGH_HOSTS",
        ini="llm_passthrough_hosts",
        ini_type="args",
        default=list(LOOPBACK_HOSTS),
        help="hosts that pass unrecorded unless a request is a model call by its form; replaces the loopback default",
    ),
    "guard": Setting(
        environ="LLMWATCH_GUARD",
        ini="llm_guard",
        default="used",
        help="refuse connections that are not passthrough: of replaying tests (`used`), of all tests (`all`), or `off`",
    ),
    "ignore_request_fields": Setting(
        marker="ignore_request_fields",
        ini="llm_ignore_request_fields",
        ini_type="linelist",
        default=[],
        help="JSON paths of request fields that change at every run (`messages[*].id`, `path ~ pattern`)",
    ),
    "max_age": Setting(
        environ="LLMWATCH_MAX_AGE",
        ini="llm_max_age",
        default="",
        help="how old a recording may be before `pytest-llmwatch lint` complains, such as 90d or 12w",
    ),
    "secret_patterns": Setting(
        ini="llm_secret_patterns",
        ini_type="linelist",
        default=[],
        help="regular expressions of secrets beside the known ones; what they match is not written",
    ),
    "not_secrets": Setting(
        ini="llm_not_secrets",
        ini_type="linelist",
        default=[],
        help="regular expressions of what is no secret although it looks like one; what they match stays",
    ),
    "similarity": Setting(
        ini="llm_similarity",
        default="embedding",
        help="what `similar_to` compares by where a test does not say: `embedding` or `lexical`",
    ),
    "snapshot_similarity": Setting(
        marker="similarity",
        ini="llm_snapshot_similarity",
        help="the least likeness to the approved text that passes, from 0 (any words) to 1 (the same words)",
    ),
    "snapshot_facts": Setting(
        marker="facts",
        ini="llm_snapshot_facts",
        help="whether a fact stated otherwise than in the approved text fails: `true` (default) or `false`",
    ),
    "snapshot_ignore": Setting(
        marker="ignore",
        ini="llm_snapshot_ignore",
        ini_type="linelist",
        default=[],
        help="what snapshots leave out: JSON paths (`items[*].id`, `path ~ pattern`), `~ pattern` for texts",
    ),
    "tool_failures": Setting(
        ini="llm_tool_failures",
        default="ignore",
        help="tools that failed in a test that passed (`llm_cassette.tool_failures`): `warn`, `fail` or `ignore`",
    ),
    "max_cost": Setting(
        options=("llmwatch_max_cost",),
        environ="LLMWATCH_MAX_COST",
        ini="llm_max_cost",
        help="US dollars that the whole run may cost: live calls beyond it are not made; recorded ones fail the run",
    ),
    "prices": Setting(
        ini="llm_prices",
        ini_type="linelist",
        default=[],
        help="your own prices, US dollars per million tokens: `gpt-oss-* input=0.10 output=0.40 from=2026-01-01`",
    ),
}


def setting_of(name: str, config: pytest.Config, *, environ: Mapping[str, str], marker: Mapping[str, Any]) -> Any:
    """The value of one setting, from the first source that has it."""
    setting = SETTINGS[name]
    for option in setting.options:
        value = config.getoption(option, default=None)
        if value is not None and not _is_foreign(config, option):
            return value
    if setting.environ and setting.environ in environ:
        value = environ[setting.environ]
        return value.replace(",", " ").split() if setting.ini_type != "string" else value
    if setting.marker and setting.marker in marker:
        return marker[setting.marker]
    written: Any = config.getini(setting.ini)
    return written or setting.default


def _is_foreign(config: pytest.Config, option: str) -> bool:
    """Whether `--llm-record` belongs to pytest-mockllm here, which claims it too."""
    return option == "llm_record" and config.pluginmanager.has_plugin("mockllm")


def similarity_of(config: pytest.Config) -> str:
    """What `similar_to` compares by where a test does not say.

    Raises:
        SettingError: it is no backend of ours; a function can only be given in the test.
    """
    value = str(setting_of("similarity", config, environ=os.environ, marker={})).strip().lower()
    if value not in SIMILARITIES:
        raise SettingError(f"{value!r} is no similarity; use embedding or lexical (llm_similarity)")
    return value


def tool_failures_of(config: pytest.Config) -> ToolFailures:
    """What silent tool failures do to a test that passed.

    Raises:
        SettingError: the value is none of the three.
    """
    value: ToolFailures = str(setting_of("tool_failures", config, environ=os.environ, marker={})).strip().lower()  # type: ignore[assignment]  # looked up next
    if value not in TOOL_FAILURES:
        raise SettingError(f"{value!r} is no value for tool failures; use warn, fail or ignore (llm_tool_failures)")
    return value


def check_hosts(config: pytest.Config) -> None:
    """Refuse hosts that nobody could mean: they would fit none, and nothing would say so.

    Raises:
        SettingError: one is no pattern of hosts.
    """
    for name in ("record_hosts", "passthrough_hosts"):
        setting = SETTINGS[name]
        for pattern in setting_of(name, config, environ=os.environ, marker={}):
            problem = problem_with(pattern)
            if problem is not None:
                source = setting.environ if setting.environ in os.environ else setting.ini
                raise SettingError(f"{source}: {pattern!r} {problem}")


def check_prices(config: pytest.Config) -> None:
    """Refuse prices that cannot be read, once and not at every test.

    Raises:
        SettingError: a line makes no sense.
    """
    lines = setting_of("prices", config, environ=os.environ, marker={})
    if lines:
        from .own_prices import price_table

        price_table(lines)


def check_max_age(config: pytest.Config) -> None:
    """Refuse an age that is none.

    Raises:
        SettingError: so.
    """
    written = str(setting_of("max_age", config, environ=os.environ, marker={}))
    if written:
        from .max_age import max_age_in

        max_age_in(written)


def mode_of(config: pytest.Config) -> Mode:
    """Replay, record, record what is missing, or check live answers against the recordings.

    Raises:
        SettingError: the value is none of those, one source asks to record and to check, or a check is to approve.
    """
    mode = _mode_asked_for(config)
    if mode == "check":
        _refuse_update(config)
    return mode


def _mode_asked_for(config: pytest.Config) -> Mode:
    given = _record_flag_value(config)
    if config.getoption("llm_check", default=False):
        _refuse_both(given, record_flag(config), CHECK_FLAG)
        return "check"
    if given is None and _mode_named(os.environ.get(CHECK_VARIABLE, ""), CHECK_VARIABLE) != "replay":
        _refuse_both(os.environ.get("LLMWATCH_RECORD"), "LLMWATCH_RECORD", CHECK_VARIABLE)
        return "check"
    value = str(setting_of("mode", config, environ=os.environ, marker={}))
    return _mode_named(value, "LLMWATCH_RECORD, llm_record, --llm-record")


def _record_flag_value(config: pytest.Config) -> str | None:
    values = [
        config.getoption(name, default=None) for name in SETTINGS["mode"].options if not _is_foreign(config, name)
    ]
    return next((str(value) for value in values if value is not None), None)


def _refuse_both(value: str | None, record: str, check: str) -> None:
    """Recording replaces what checking compares with."""
    if value is not None and _mode_named(value, record) not in ("replay", "check"):
        raise SettingError(
            f"{record} replaces the recordings, {check} compares with them: give one of the two\n"
            f"To see what would change: pytest {CHECK_FLAG}; to take all of it over: pytest --llm-record"
        )


def _refuse_update(config: pytest.Config) -> None:
    """What syrupy's flag would approve, a check only keeps."""
    flags = {"update_snapshots": "--snapshot-update", "update_new_snapshots_only": "--snapshot-update-new-only"}
    given = next((flag for name, flag in flags.items() if config.getoption(name, default=False)), None)
    if given is not None:
        raise SettingError(
            f"{given} approves new outputs, {CHECK_FLAG} changes nothing: give one of the two\n"
            "To take over what a check has found: pytest-llmwatch accept"
        )


def _mode_named(value: str, source: str) -> Mode:
    named = value.strip().lower()
    if named not in MODES:
        raise SettingError(f"{named!r} is not a recording mode; use all, new or check ({source})")
    return MODES[named]


def model_swaps_of(config: pytest.Config, *, mode: Mode) -> tuple[ModelSwap, ...]:
    """Which models this run asks in place of others; none at replay, which asks nobody.

    Raises:
        SettingError: a swap makes no sense, or was given for a replay.
    """
    lines = setting_of("model", config, environ=os.environ, marker={})
    if not lines:
        return ()
    from .model_swap import model_swaps

    swaps = model_swaps(lines)
    if mode != "replay":
        return swaps
    given = config.getoption("llmwatch_model", default=None) or os.environ.get("LLMWATCH_MODEL", "").strip()
    if swaps and given:
        raise SettingError(
            f"--llm-model {swaps[0]} changes whom live calls ask, and this run replays: "
            "it works with --llm-check or --llm-record (LLMWATCH_MODEL likewise)"
        )
    return ()


def guard_of(config: pytest.Config) -> Guarded:
    """Which tests the guard is there for.

    Raises:
        SettingError: the value is none of the three.
    """
    value: Guarded = str(setting_of("guard", config, environ=os.environ, marker={})).strip().lower()  # type: ignore[assignment]  # looked up next
    if value not in GUARDED:
        raise SettingError(f"{value!r} is no value for the guard; use used, all or off (LLMWATCH_GUARD, llm_guard)")
    return value


def run_limit_of(config: pytest.Config) -> Decimal | None:
    """What the whole run may cost, in US dollars; `None` where nobody limits it.

    Raises:
        SettingError: the value is no amount of money.
    """
    value = setting_of("max_cost", config, environ=os.environ, marker={})
    if value is None:
        return None
    place = "--llm-max-cost (LLMWATCH_MAX_COST, llm_max_cost): "
    if not str(value).strip():
        unset = "no amount is given; a variable that is not set? Without a limit, leave it out"
        raise SettingError(f"{place}{unset}, else name one, such as --llm-max-cost=0.50")
    from .budgets import money_of

    return money_of(value, place=place)


def declared_flags(parser: pytest.Parser) -> frozenset[str]:
    """The flags that are declared so far; pytest has no public way to ask, and a second declaration ends the run."""
    groups = (*getattr(parser, "_groups", ()), getattr(parser, "_anonymous", None))
    return frozenset(name for group in groups if group is not None for each in group.options for name in each.names())


def record_flags(config: pytest.Config) -> tuple[str, ...]:
    """The flags that are ours: both, unless another package owns the short one."""
    return ("--llmwatch-record",) if _is_foreign(config, "llm_record") else ("--llm-record", "--llmwatch-record")


def record_flag(config: pytest.Config) -> str:
    """The flag to name in messages."""
    return record_flags(config)[0]


def with_explicit_modes(args: list[str], flags: tuple[str, ...]) -> list[str]:
    """The arguments with a bare flag written out, so that it never takes the path that follows it."""
    end = args.index("--") if "--" in args else len(args)
    return [f"{arg}=all" if arg in flags else arg for arg in args[:end]] + args[end:]
