"""What a run takes for secret: by its settings, by its environment, and by the hooks of a test's folder."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from . import settings
from .environment_secrets import SeenSecrets
from .redaction import redacted, redacted_text
from .secret_spans import KNOWN, Patterns, Secrets, compiled
from .write_policy import Mode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from .exchange import Exchange


@dataclass(slots=True, kw_only=True)
class HookedSecrets:
    """Redacts what is written, and masks what is shown.

    Attributes:
        config: Where the settings are.
        mode: What the run does; a replay asks no environment for what it compares.
        environment: The secrets that the environment has had so far.
        exempt: The patterns of what is no secret.
    """

    config: pytest.Config
    mode: Mode
    environment: SeenSecrets = field(default_factory=SeenSecrets)
    exempt: Patterns = ()
    _patterns: dict[object, Patterns] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.exempt = exempt_of(self.config)

    def redact_of(self, item: pytest.Item) -> Callable[[Exchange], Exchange]:
        """How the exchanges of a test are redacted."""
        patterns = self.patterns_of(item)
        hook = item.ihook.pytest_llmwatch_redact
        if len(hook.get_hookimpls()) == 1:  # nobody but the built-in
            return functools.partial(self.redacted, patterns=patterns)

        def redact(exchange: Exchange) -> Exchange:
            answer: Exchange = hook(exchange=exchange, item=item)
            return answer

        return redact

    def redacted(self, exchange: Exchange, patterns: Patterns) -> Exchange:
        """The exchange without secrets; those of the environment count where something is recorded."""
        forms = {} if self.mode == "replay" else self.environment.forms(os.environ)
        is_known = not (patterns or forms or self.exempt)
        return redacted(exchange, KNOWN if is_known else Secrets(patterns=patterns, exempt=self.exempt, forms=forms))

    def masked(self, text: str, item: pytest.Item) -> str:
        """A text for people to read, without secrets: those of the environment too, also at replay."""
        forms = self.environment.forms(os.environ)
        secrets = Secrets(patterns=self.patterns_of(item), exempt=self.exempt, forms=forms)
        return redacted_text(text, secrets)

    def patterns_of(self, item: pytest.Item) -> Patterns:
        """The patterns of the ini file and of the hook, which a folder's `conftest.py` governs.

        Raises:
            SettingError: one does not compile.
        """
        hook = item.ihook.pytest_llmwatch_secrets
        if hook not in self._patterns:
            self._patterns[hook] = patterns_of(self.config, hook)
        return self._patterns[hook]


def exempt_of(config: pytest.Config) -> Patterns:
    """The patterns of what is no secret.

    Raises:
        SettingError: one does not compile.
    """
    return compiled(_lines(config, "not_secrets"), setting="llm_not_secrets")


def patterns_of(config: pytest.Config, hook: Callable[[], Iterable[Iterable[str]]]) -> Patterns:
    """The patterns of the ini file, and of what implements `pytest_llmwatch_secrets`.

    Raises:
        SettingError: one does not compile.
    """
    return compiled([*_lines(config, "secret_patterns"), *(pattern for given in hook() for pattern in given)])


def _lines(config: pytest.Config, setting: str) -> Iterator[str]:
    lines = settings.setting_of(setting, config, environ=os.environ, marker={})
    return (line for line in lines if line.strip())
