"""What providers say of their own work: ids of requests, times, and what is left of a limit.

Times are in milliseconds under one name each, whatever the provider's name and unit. A text that is no number where one
should be (a placeholder that a recorder left) says nothing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .reading import object_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pytest_llmwatch.calls import JSON
    from pytest_llmwatch.exchange import Headers

_REQUEST_IDS = (
    "x-request-id",
    "request-id",
    "x-amzn-requestid",
    "apim-request-id",
    "x-ms-request-id",
    "mistral-correlation-id",
    "x-generation-id",
    "x-debug-trace-id",
    "nvcf-reqid",
    "x-ds-trace-id",
)
# The first that is there is taken; the proxy in front (envoy, kong) is asked last.
_TIMES: dict[str, tuple[tuple[str, float], ...]] = {
    "server_latency_ms": (
        ("openai-processing-ms", 1),
        ("x-amzn-bedrock-invocation-latency", 1),
        ("x-metrics-e2e-ms", 1),
        ("x-total-time", 1),
        ("fireworks-server-processing-time", 1000),
        ("x-envoy-upstream-service-time", 1),
        ("x-kong-upstream-latency", 1),
    ),
    "time_to_first_token_ms": (("x-metrics-ttft-ms", 1), ("fireworks-server-time-to-first-token", 1000)),
    "queue_time_ms": (("x-queue-time", 1),),
    "completion_time_ms": (("x-inference-time", 1),),
    "retry_after_ms": (("retry-after-ms", 1), ("retry-after", 1000)),
}
_SERVER_TIMING = re.compile(r"(?:^|,)\s*gfet4t7\s*;\s*dur=([0-9.]+)")
_LIMIT = re.compile(
    r"(?:x-|anthropic-)?ratelimit-(?:(?P<what>limit|remaining|reset)(?:-(?P<unit>.+))?|(?P<of>.+)-(?P<last>limit|remaining|reset))"
)
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
# In bodies: the `usage` of Groq and SambaNova, Cerebras's `time_info`, llama.cpp's `timings`, Bedrock's metrics.
_SECONDS = {
    "queue_time": "queue_time_ms",
    "prompt_time": "prompt_time_ms",
    "completion_time": "completion_time_ms",
    "total_time": "server_latency_ms",
    "total_latency": "server_latency_ms",
    "time_to_first_token": "time_to_first_token_ms",
}
_MILLISECONDS = {
    "prompt_ms": "prompt_time_ms",
    "predicted_ms": "completion_time_ms",
    "latencyMs": "server_latency_ms",
    "invocationLatency": "server_latency_ms",
    "firstByteLatency": "time_to_first_token_ms",
}


def facts_in_headers(headers: Headers) -> dict[str, JSON]:
    """The facts that an answer's headers tell."""
    said = {name.lower(): value.strip() for name, value in reversed(headers)}
    facts: dict[str, JSON] = {}
    if found := next((said[name] for name in _REQUEST_IDS if said.get(name)), None):
        facts["request_id"] = found
    for name, sources in _TIMES.items():
        times = (_scaled(_number_of(said.get(header)), factor) for header, factor in sources)
        if (time := next((time for time in times if time is not None), None)) is not None:
            facts[name] = time
    if "server_latency_ms" not in facts and (timed := _SERVER_TIMING.search(said.get("server-timing", ""))):
        facts |= known(server_latency_ms=_number_of(timed[1]))
    return facts | dict(_limits_in(said))


def _limits_in(said: Mapping[str, str]) -> Iterator[tuple[str, JSON]]:
    """`rate_limit_remaining_requests` and the like; a moment or a span, in `reset`, stays as it is written."""
    for name in sorted(said):
        if found := _LIMIT.fullmatch(name):
            what, unit = (found["what"] or found["last"]), (found["unit"] or found["of"] or "")
            unit = re.sub(r"^req(?=-|$)", "requests", unit).replace("-", "_")
            value = said[name]
            fact: JSON = _number_of(value)
            if fact is None and what == "reset" and value[:1].isdigit():
                fact = value
            if fact is not None:
                yield f"rate_limit_{what}_{unit}".rstrip("_"), fact


def facts_in_body(*places: JSON) -> dict[str, JSON]:
    """The times in objects of a body, such as a `usage`; later ones win."""
    facts: dict[str, JSON] = {}
    for place in map(object_of, places):
        facts |= known(**{name: _scaled(place.get(given), 1000) for given, name in _SECONDS.items() if given in place})
        facts |= known(
            **{name: _scaled(place.get(given), 1) for given, name in _MILLISECONDS.items() if given in place}
        )
    return facts


def nanoseconds(body: Mapping[str, JSON], names: Iterable[tuple[str, str]]) -> dict[str, JSON]:
    """Times that a body gives in nanoseconds, as (its name, our name)."""
    return known(**{ours: _scaled(body.get(theirs), 1e-6) for theirs, ours in names})


def known(**facts: JSON) -> dict[str, JSON]:
    """The facts that are."""
    return {name: value for name, value in facts.items() if value is not None}


def _number_of(text: str | None) -> int | float | None:
    if text is None or len(text) > 40 or not text.isascii() or not _NUMBER.fullmatch(text):
        return None
    return float(text) if "." in text else int(text)


def _scaled(value: JSON, factor: float) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # Beyond this a float may overflow; no server works so long.
    if not 0 <= value < 1e18:
        return None
    return value if factor == 1 else round(value * factor, 3)
