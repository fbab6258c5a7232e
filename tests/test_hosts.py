"""Which hosts a setting may name: a mistake is told when the run begins, for it would fit no host."""

import pytest

from pytest_llmwatch.hosts import problem_with


@pytest.mark.parametrize(
    "pattern",
    ["localhost", "*.localhost", "127.*", "::1", "[::1]:8000", "127.0.0.1:11434", "models.internal:*", "*", "fd00::*"],
)
def test_a_name_or_an_address_with_or_without_port_is_right(pattern):
    assert problem_with(pattern) is None


@pytest.mark.parametrize(
    "pattern, expected",
    [
        ("http://localhost:11434/v1", "is a URL; write localhost:11434"),
        ("https://user@models.internal", "is a URL; write models.internal"),
        ("localhost,", "has a comma; separate hosts by spaces (in TOML by a list)"),
        ("a.internal,b.internal", "has a comma; separate hosts by spaces (in TOML by a list)"),
        ("10.0.0.0/8", "is a network, which is not understood; write a pattern, such as 10.*"),
        ("fd00::/8", "is a network, which is not understood; write a pattern, such as 10.*"),
        ("models.internal/v1", "has a path; write models.internal"),
        ("localhost:http", "has no number behind the colon; write localhost, or a port"),
        ("models internal", "has a space; separate hosts by spaces (in TOML by a list)"),
        ("", "is empty"),
    ],
)
def test_what_fits_no_host_is_named_with_what_to_write(pattern, expected):
    assert problem_with(pattern) == expected


@pytest.mark.parametrize(
    "ini, env, expected",
    [
        ("llm_record_hosts = a.internal, b.internal", {}, "llm_record_hosts: 'a.internal,' has a comma"),
        ("llm_passthrough_hosts = 10.0.0.0/8", {}, "llm_passthrough_hosts: '10.0.0.0/8' is a network"),
        ("", {"LLMWATCH_RECORD_HOSTS": "a.internal,http://b/"}, "LLMWATCH_RECORD_HOSTS: 'http://b/' is a URL; write b"),
    ],
)
def test_a_run_with_a_mistake_in_them_does_not_begin(project, ini, env, expected):
    project.write_file("pytest.ini", f"[pytest]\n{ini}\n")

    result = project.pytest(env=env)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {expected}*"])
