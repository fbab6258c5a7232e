"""A test's id as it may stand in a file, in the name of a file and on a page: without the secrets of its parameters."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import replace

import pytest

from .environment_secrets import forms_of
from .hooked_secrets import exempt_of, patterns_of
from .redaction import redacted_text
from .secret_spans import Secrets

ID = pytest.StashKey[str]()
SECRETS = pytest.StashKey[Secrets]()
IN_BRACKETS = re.compile(r"\[redacted:([^\]\s]+)\]")
HIDDEN = re.compile(r"~redacted\.[^~\s]+~.*-[0-9a-f]{8}\]?\Z", re.DOTALL)


def id_of(item: pytest.Item) -> str:
    """The node id; where a parameter holds a secret, with its kind in its place and a hash that keeps it apart.

    What the environment holds when a test is first asked for counts: what a test sets itself stands in its source.
    """
    if "[" not in item.nodeid:
        return item.nodeid
    if ID not in item.stash:
        item.stash[ID] = safe_id(item.nodeid, _secrets_of(item.config))
    return item.stash[ID]


def safe_id(test: str, secrets: Secrets) -> str:
    """An id without secrets: `test_bot.py::test_refund[eu-~redacted.sk-key~-0f3a9c21]`."""
    place, colons, names = test.partition("::")
    name, bracket, parameters = names.partition("[")
    given = parameters.removesuffix("]")
    masked = _masked(given, secrets)
    if masked == given:
        return test
    digest = hashlib.sha256(names.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{place}{colons}{name}{bracket}{masked}-{digest}{parameters[len(given) :]}"


def without_hidden(test: str) -> str:
    """The id as pytest knows it: of all parameters together, where one is not to be shown."""
    place, colons, names = test.partition("::")
    return f"{place}{colons}{names.partition('[')[0]}" if HIDDEN.search(names) else test


def _masked(parameters: str, secrets: Secrets) -> str:
    text = redacted_text(parameters, secrets)
    by_shape = replace(secrets, forms={})
    place = 0
    # pytest joins the parameters by `-`, behind which no key stands free.
    while (place := text.find("-", place) + 1) > 0:
        text = text[:place] + redacted_text(text[place:], by_shape)
    return IN_BRACKETS.sub(r"~redacted.\1~", text)


def _secrets_of(config: pytest.Config) -> Secrets:
    if SECRETS not in config.stash:
        patterns = patterns_of(config, config.hook.pytest_llmwatch_secrets)
        config.stash[SECRETS] = Secrets(patterns=patterns, exempt=exempt_of(config), forms=forms_of(os.environ))
    return config.stash[SECRETS]
