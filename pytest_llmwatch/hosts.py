"""Where a request goes: to a model (recorded), past us (passthrough), or to a place that is never stored."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable

Route = Literal["watch", "pass", "unstored"]

LOOPBACK_HOSTS = ("localhost", "*.localhost", "127.*", "::1", "0.0.0.0")

TOKEN_ENDPOINTS = (
    "oauth2.googleapis.com/token",
    "www.googleapis.com/oauth2/*",
    "accounts.google.com/o/oauth2/*",
    "sts.googleapis.com/*",
    "iamcredentials.googleapis.com/*",
    "login.microsoftonline.com/*",
    "iam.cloud.ibm.com/*",
    "sts.amazonaws.com/*",
    "sts.*.amazonaws.com/*",
    "portal.sso.*.amazonaws.com/*",
    "oidc.*.amazonaws.com/*",
)
METADATA_SERVICES = ("169.254.169.254/*", "169.254.170.2/*", "metadata.google.internal/*", "metadata/*")
TELEMETRY = (
    "*.posthog.com/*",
    "telemetry.crewai.com/*",
    "*.scarf.sh/*",
    "scarf.sh/*",
    "api.smith.langchain.com/*",
    "*.api.smith.langchain.com/*",
    "api.agentops.ai/*",
    "*.agentops.ai/*",
    "*.datadoghq.com/*",
    "*.datadoghq.eu/*",
    "*.ingest.sentry.io/*",
    "*.ingest.*.sentry.io/*",
    "cloud.langfuse.com/*",
    "*.cloud.langfuse.com/*",
    "api.traceloop.com/*",
    "logfire-*.pydantic.dev/*",
    "otlp.arize.com/*",
    "api.segment.io/*",
    "api.mixpanel.com/*",
    "api2.amplitude.com/*",
    "www.google-analytics.com/*",
)


_NETWORK = re.compile(r"[0-9a-fA-F.:*]+/\d+")
_PORT = re.compile(r"[\d*?]+")


def problem_with(pattern: str) -> str | None:
    """Why a pattern fits no host, with what to write instead; `None` where it may fit one."""
    if "," in pattern or " " in pattern:
        return f"has a {'comma' if ',' in pattern else 'space'}; separate hosts by spaces (in TOML by a list)"
    if "://" in pattern:
        return f"is a URL; write {urlsplit(pattern).netloc.rpartition('@')[2]}"
    if _NETWORK.fullmatch(pattern):
        return "is a network, which is not understood; write a pattern, such as 10.*"
    if "/" in pattern:
        return f"has a path; write {pattern.partition('/')[0]}"
    host, colon, port = pattern.rpartition(":")
    if colon and ":" not in host and not _PORT.fullmatch(port):
        return f"has no number behind the colon; write {host}, or a port"
    return None if pattern else "is empty"


def names_host(patterns: Iterable[str], uri: str) -> bool:
    """Whether one of the patterns (`127.0.0.1:11434`, `*.internal`, `::1`) names the host, with or without its port."""
    parts = urlsplit(uri)
    host = (parts.hostname or "").lower()
    try:
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    except ValueError:
        port = None
    names = (host, f"{host}:{port}", f"[{host}]", f"[{host}]:{port}")
    # A bracket belongs to an IPv6 address here, not to a set of characters.
    literal = [pattern.lower().replace("[", "[[]") for pattern in patterns]
    return any(fnmatchcase(name, pattern) for pattern in literal for name in names)


def _names_place(patterns: Iterable[str], uri: str) -> bool:
    parts = urlsplit(uri)
    place = f"{(parts.hostname or '').lower()}{parts.path or '/'}"
    return any(fnmatchcase(place, pattern) for pattern in patterns)


def is_token_endpoint(uri: str) -> bool:
    """Whether credentials are handed out there."""
    return _names_place(TOKEN_ENDPOINTS, uri)


def is_metadata_service(uri: str) -> bool:
    """Whether a cloud machine asks there who it is."""
    return _names_place(METADATA_SERVICES, uri)


def is_unstored(uri: str) -> bool:
    """Whether requests to this place must never stand in a file."""
    return _names_place((*TOKEN_ENDPOINTS, *METADATA_SERVICES, *TELEMETRY), uri)
