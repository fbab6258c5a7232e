import pytest

from pytest_llmwatch.write_policy import decide

OUTCOMES = ["passed", "failed", "error", "skipped", "xfailed", "interrupted"]


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize("made", [0, 3])
def test_a_replay_never_writes(outcome, exists, made):
    assert decide(mode="replay", exists=exists, made=made, outcome=outcome) == "leave"


@pytest.mark.parametrize(
    "mode, exists, made, outcome, write",
    [
        ("record", False, 2, "passed", "replace"),
        ("record", True, 2, "passed", "replace"),
        ("record", True, 0, "passed", "remove"),
        ("record", False, 0, "passed", "leave"),
        ("record", True, 2, "failed", "keep beside"),
        ("record", False, 2, "failed", "keep beside"),
        ("record", True, 0, "failed", "leave"),
        ("record", True, 2, "error", "keep beside"),
        ("record", True, 2, "skipped", "keep beside"),
        ("record", True, 0, "skipped", "leave"),
        ("record", True, 2, "interrupted", "keep beside"),
        ("record", True, 2, "xfailed", "keep beside"),
        ("record", True, 0, "xfailed", "leave"),
        ("record", False, 2, "xfailed", "replace"),
        ("new", False, 2, "passed", "replace"),
        ("new", True, 1, "passed", "replace"),
        ("new", True, 0, "passed", "leave"),
        ("new", True, 1, "failed", "keep beside"),
        ("new", True, 1, "xfailed", "keep beside"),
        ("new", False, 1, "interrupted", "keep beside"),
    ],
)
def test_a_baseline_is_replaced_only_by_a_test_that_passed(mode, exists, made, outcome, write):
    assert decide(mode=mode, exists=exists, made=made, outcome=outcome) == write


@pytest.mark.parametrize("mode", ["record", "new"])
@pytest.mark.parametrize("outcome", OUTCOMES)
def test_what_was_paid_for_is_never_thrown_away(mode, outcome):
    assert decide(mode=mode, exists=True, made=1, outcome=outcome) in ("replace", "keep beside")
