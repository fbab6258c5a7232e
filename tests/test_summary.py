import pytest

from pytest_llmwatch.reports.summary import Summary, lines_of


def entry(test="t.py::test", **facts):
    return {
        "test": test,
        "kind": "replayed",
        "replayed": 0,
        "made": 0,
        "retries": 0,
        "spent": "0",
        "unpriced": [],
        "write": "leave",
        "path": "cassettes/t/test.yaml",
        "is_fixture": False,
        "error_statuses": [],
        "refused_hosts": [],
        "redacted": [],
        **facts,
    }


def lines(*entries):
    return lines_of(Summary(entries=entries, command="pytest --lf --llm-record"))


def fixture(**facts):
    return entry("cassettes/t/fixture-f.yaml::f", is_fixture=True, **facts)


def test_a_run_without_model_calls_says_nothing():
    assert lines(entry(kind="no calls")) == []


def test_tests_and_calls_are_counted():
    assert lines(entry(replayed=2), entry(kind="refused")) == [
        "tests: 1 replayed, 1 refused",
        "calls: 2 replayed",
        "To record what was refused: pytest --lf --llm-record",
    ]


@pytest.mark.parametrize(
    "entries",
    [
        [fixture(kind="recorded", made=1, write="replace"), fixture(kind="recorded", made=1, write="replace")],
        [
            fixture(kind="recorded", made=1, write="replace"),
            fixture(replayed=1),
            fixture(kind="partly recorded", replayed=1, made=1, write="replace"),
        ],
    ],
)
def test_a_fixture_reads_the_same_whoever_set_it_up_and_tore_it_down(entries):
    assert lines(*entries) == [
        "fixtures: 1 recorded",
        "calls: 2 live requests",
        "spent $0.0000",
        "1 cassette written",
    ]


def test_error_answers_that_became_a_baseline_are_pointed_out():
    shown = lines(entry(kind="recorded", made=1, write="replace", error_statuses=[401]))

    assert "error answers were recorded (401): cassettes/t/test.yaml" in shown


def test_what_was_not_kept_is_not_called_recorded():
    shown = lines(entry(kind="not kept", made=1, write="keep beside", path="cassettes/t/test.pending.yaml"))

    assert shown[:2] == ["tests: 1 not kept", "calls: 1 live request"]
    assert "pending: cassettes/t/test.pending.yaml" in shown


def test_the_money_spent_is_summed_and_what_has_no_price_is_named():
    shown = lines(
        entry(kind="recorded", made=2, write="replace", spent="0.0123", unpriced=["no usage is reported"]),
        entry(kind="recorded", made=2, write="replace", spent="0.000018", unpriced=["no usage is reported"]),
    )

    assert shown[2:4] == ["spent $0.0123 (2 calls without a price)", "no price: no usage is reported"]


def test_only_some_of_many_reasons_are_shown():
    reasons = [f"no price is known for model-{number} of an unknown host" for number in range(5)]
    shown = lines(entry(kind="recorded", made=5, write="replace", unpriced=reasons))

    assert [line for line in shown if line.startswith("no price")] == [
        *(f"no price: {reason}" for reason in reasons[:3]),
        "no price: 2 other reasons",
    ]


def test_a_replay_says_nothing_of_money():
    assert not [line for line in lines(entry(replayed=2)) if "spent" in line]


def test_a_pending_file_is_gone_when_the_test_passes_at_another_try():
    kept = {"kind": "not kept", "made": 1, "write": "keep beside", "path": "cassettes/t/test.pending.yaml"}
    passed = {"kind": "recorded", "made": 1, "write": "replace"}

    assert [line for line in lines(entry(**kept), entry(**passed)) if "ending" in line] == []
    assert "pending: cassettes/t/test.pending.yaml" in lines(entry(**kept))


def test_what_the_money_ran_out_for_is_counted_apart_and_no_command_would_run_it():
    stopped = {"kind": "not checked", "is_stopped": True, "made": 1}

    assert lines(entry(kind="checked", made=1), entry("t.py::b", **stopped), fixture(**stopped))[:2] == [
        "tests: 1 checked, 1 not checked (no money left)",
        "fixtures: 1 not checked (no money left)",
    ]
    assert not any(line.startswith("To record") for line in lines(entry(kind="refused", is_stopped=True)))


def test_what_a_recording_of_missing_calls_keeps_though_nobody_asked_for_it_is_named():
    kept = [entry(f"t.py::{n}", replayed=1, path=f"c/{n}.yaml", left_over=n) for n in range(3)]
    one = "1 cassette keeps a recording that nobody asked for: c/1.yaml; without them: --llm-record"
    assert lines(*kept[:2])[-1] == one
    assert lines(*kept)[-1].startswith("2 cassettes keep recordings that nobody asked for: c/1.yaml, c/2.yaml; ")


def test_a_pending_recording_says_what_to_do_next():
    told = lines(entry(kind="not kept", made=1, write="keep beside", path="c/1.pending.yaml"))
    assert told[-1] == "Mend the test and record it again, or look at what was recorded: pytest-llmwatch review"
