"""Approved model calls and others: which field changed, and how much that matters."""

import pytest

from pytest_llmwatch.drift.verdicts import Tolerance
from pytest_llmwatch.snapshot_calls import compare_calls

TOOL = {"name": "lookup", "arguments": {"order": 7, "note": "used phone"}}
CALL = {
    "request_model": "gpt-5-mini",
    "response_model": "gpt-5-mini-2025-08-07",
    "prompt_sha256": "852a",
    "tools_sha256": "11bb",
    "finish_reasons": ["stop"],
    "tool_calls": [TOOL],
    "output_text": "You can return it within 14 days.",
}
SERVED = {"response_model": "gpt-5-mini-2026-02-01"}


@pytest.mark.parametrize(
    "changed, verdict, said",
    [
        ({}, "same", "the same calls"),
        ({"prompt_sha256": "710a"}, "drifted", "the prompt changed"),
        ({"tools_sha256": "710a"}, "drifted", "the tools changed"),
        (SERVED, "within tolerance", "another model served: gpt-5-mini-2025-08-07 -> gpt-5-mini-2026-02-01"),
        ({"request_model": "gpt-6"}, "drifted", "another model was asked for: gpt-5-mini -> gpt-6"),
        ({"finish_reasons": ["length"], **SERVED}, "broken", "it finished otherwise: stop -> length; another model"),
        ({"tool_calls": []}, "broken", "other tools were called: lookup -> none"),
        ({"tool_calls": [TOOL | {"arguments": {"order": 8, "note": "used phone"}}]}, "broken", "order is another"),
        ({"tool_calls": [TOOL | {"arguments": {"order": 7, "note": "a used phone"}}]}, "drifted", "note is another"),
        ({"error_type": "RateLimitError"}, "broken", "it failed otherwise: no error -> RateLimitError"),
        ({"output_text": None}, "broken", "[0].output_text is gone"),
        ({"output_text": "Return it within 30 days.", "prompt_sha256": "7"}, "broken", "states a fact otherwise"),
        ({"output_text": "You may return it within 14 days."}, "within tolerance", "[0].output_text is 0."),
    ],
)  # fmt: skip
def test_calls_are_compared_field_by_field(changed, verdict, said):
    comparison = compare_calls([CALL], [CALL | changed], Tolerance())

    assert comparison.verdict == verdict
    assert said in comparison.reason


def test_fingerprints_and_models_state_no_facts():
    comparison = compare_calls([CALL], [CALL | SERVED | {"prompt_sha256": "710"}], Tolerance())

    assert comparison.changed_facts == ()
    assert comparison.reason.startswith("the prompt changed; another model served: ")


def test_other_numbers_of_calls_and_ignored_fields():
    ignoring = Tolerance(ignore=("[*].prompt_sha256",))

    assert compare_calls([CALL], [CALL, CALL], Tolerance()).reason == "made one call, and makes 2"
    assert compare_calls([CALL], [CALL | {"prompt_sha256": "7"}], ignoring).verdict == "same"
    assert compare_calls("edited", [CALL], Tolerance()).verdict == "broken"
