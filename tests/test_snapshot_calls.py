"""`llm_snapshot` with recorded calls: the pair of cassette and snapshots, the page of a failure, what it holds."""

import pytest
from asking_bot import BOT

from pytest_llmwatch.cassette import parse as parse_cassette
from pytest_llmwatch.recording_key import recording_key
from pytest_llmwatch.snapshot_files import parse

TEST = """
    from bot import ask

    def test_refund(llm_snapshot):
        assert ask("Can I return a used phone?") == llm_snapshot

    def test_hours(llm_snapshot, llm_cassette):
        ask("When do you open?")
        assert llm_cassette.calls == llm_snapshot(name="calls")
"""
OLD = "You can return a used phone within 14 days. The refund of $40 comes by card."


@pytest.fixture
def bot(project, provider):
    project.write(bot=BOT, test_bot=TEST)
    provider.answer_with(lambda _request: OLD)
    project.pytest("--llm-record").assert_outcomes(passed=2)
    return project


def snapshots_of(project, test="test_refund"):
    path = project.path / f"__snapshots__/test_bot/{test}.snap"
    return parse(path.read_text(encoding="utf-8"), str(path))


def key_of(project, test="test_refund"):
    path = project.cassette(f"{test}.yaml")
    return recording_key(parse_cassette(path.read_text(encoding="utf-8"), str(path)).exchanges)


def test_a_recording_approves_outputs_together_with_their_cassettes(bot, provider):
    (snapshot,) = snapshots_of(bot).snapshots

    assert snapshot.text == OLD
    assert snapshot.recording == key_of(bot)
    assert snapshot.model is not None
    assert snapshot.model.startswith("gpt-5-mini")

    provider.answer_with(lambda _request: OLD.replace("$40", "$400"))
    result = bot.pytest("--llm-record")

    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["snapshots: 2 broken; 2 approved"])
    assert "$400" in snapshots_of(bot).snapshots[0].text
    assert snapshots_of(bot).snapshots[0].recording == key_of(bot) != snapshot.recording
    bot.pytest().assert_outcomes(passed=2)


def test_calls_are_held_without_ids_and_times(bot):
    (snapshot,) = snapshots_of(bot, "test_hours").snapshots

    assert snapshot.kind == "calls"
    assert "output_text: " in snapshot.text
    assert "prompt_sha256: " in snapshot.text
    assert "chatcmpl" not in snapshot.text
    assert "created" not in snapshot.text


def test_a_failure_says_what_changed_where_from_and_how_to_accept_it(bot):
    bot.write(
        test_bot=TEST.replace("assert ask(", "assert 'Hello! ' + ask(").replace(
            'phone?")', 'phone?").replace("14", "30")'
        )
    )
    result = bot.pytest("test_bot.py::test_refund")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            'E * assert "Hello! You*" == llm_snapshot',
            "E *broken: states a fact otherwise: 14 days -> 30 days",
            "E * approved * You can return *",
            "E * now * {+Hello! +}You can return *",
            "E * because * same recording: the code, or the snapshot file, differs",
            "E * accept * pytest test_bot.py::test_refund --snapshot-update",
            "*- llm_snapshot 1 -*",
            "*- You can return a used phone within [[]-14-] days.*",
        ]
    )
    assert "truncated" not in result.stdout.str()
    assert snapshots_of(bot).snapshots[0].text == OLD


def test_another_recording_is_named_as_the_cause(bot, provider):
    approved = bot.path / "__snapshots__/test_bot/test_refund.snap"
    kept = approved.read_text(encoding="utf-8")
    provider.answer_with(lambda _request: OLD.replace("14 days", "30 days"))
    bot.pytest("--llm-record", "-k", "refund").assert_outcomes(passed=1, deselected=1)
    approved.write_text(kept, encoding="utf-8")

    result = bot.pytest("-k", "refund")

    result.assert_outcomes(failed=1, deselected=1)
    result.stdout.fnmatch_lines(["E * because * another recording is played: * -> *"])


def test_a_recording_that_fails_changes_neither_of_the_two(bot, provider):
    before = bot.files(), snapshots_of(bot)
    provider.answer_with(lambda _request: "something else")
    bot.write(test_bot=TEST.replace("== llm_snapshot\n", "== llm_snapshot\n        assert False\n", 1))
    bot.pytest("--llm-record", "-k", "refund").assert_outcomes(failed=1, deselected=1)

    files = {path: content for path, content in bot.files().items() if "pending" not in path}
    assert (files, snapshots_of(bot)) == before


def test_no_secret_of_an_answer_reaches_the_file_and_replays_still_match(project, provider):
    project.write(bot=BOT, test_bot=TEST)
    provider.answer_with(lambda _request: f"Your key is {project.api_key}.")
    project.pytest("--llm-record", "-k", "refund").assert_outcomes(passed=1, deselected=1)

    assert project.api_key not in (project.path / "__snapshots__/test_bot/test_refund.snap").read_text(encoding="utf-8")
    project.pytest("-k", "refund").assert_outcomes(passed=1, deselected=1)


def test_what_a_killed_run_left_half_done_is_finished_by_the_next(bot, provider):
    approved = bot.path / "__snapshots__/test_bot/test_refund.snap"
    old = approved.read_text(encoding="utf-8")
    provider.answer_with(lambda _request: OLD.replace("14", "30"))
    bot.pytest("--llm-record").assert_outcomes(passed=2)
    new = approved.read_text(encoding="utf-8")

    approved.with_name(f".{approved.name}.next").write_text(new, encoding="utf-8")
    approved.write_text(old, encoding="utf-8")
    bot.pytest().assert_outcomes(passed=2)

    assert approved.read_text(encoding="utf-8") == new
    assert not list(approved.parent.glob(".*"))

    approved.with_name(f".{approved.name}.next").write_text(old, encoding="utf-8")
    bot.pytest().assert_outcomes(passed=2)

    assert approved.read_text(encoding="utf-8") == new
    assert not list(approved.parent.glob(".*"))


HOLDS = """
    import asyncio
    import dataclasses
    import enum
    from decimal import Decimal

    import pytest

    pydantic = pytest.importorskip("pydantic")

    class Colour(enum.Enum):
        RED = "red"

    @dataclasses.dataclass
    class Order:
        id: int
        total: Decimal
        tags: set

    class Invoice(pydantic.BaseModel):
        number: str
        lines: list[int]

    class TestKinds:
        def test_kinds(self, llm_snapshot):
            assert Order(1, Decimal("4.50"), {"b", "a"}) == llm_snapshot
            assert Invoice(number="A1", lines=[1, 2]) == llm_snapshot(name="invoice")
            assert {"colour": Colour.RED, 1: (None, True, 1.5)} == llm_snapshot
            assert llm_snapshot == "text on the right"
            assert ["one", "two"] == [llm_snapshot, llm_snapshot]
            for n in range(3):
                assert f"loop {n}" == llm_snapshot
            assert "another" != llm_snapshot(name="invoice")

    async def say():
        return "hello"

    @pytest.mark.asyncio
    async def test_async(llm_snapshot):
        assert await say() == llm_snapshot

    def test_subtests(llm_snapshot, subtests):
        for n in range(2):
            with subtests.test(n=n):
                assert f"sub {n}" == llm_snapshot(name=f"sub {n}")

    @pytest.mark.llm(similarity=0.99, facts=False, ignore=["id"])
    def test_marker(llm_snapshot):
        assert "the plain words" == llm_snapshot
        assert {"id": 7, "x": 1} == llm_snapshot(name="value")
        assert "it costs 40 dollars" == llm_snapshot(name="loose", similarity=0.2)
"""


def test_it_holds_values_of_every_kind_wherever_they_stand(project):
    project.write(test_holds=HOLDS)
    project.pytest("--snapshot-update", "-p", "asyncio").assert_outcomes(passed=4)
    project.pytest("-p", "asyncio").assert_outcomes(passed=4)

    ignored = HOLDS.replace('"id": 7', '"id": 8').replace("costs 40", "costs 50")
    changed = ignored.replace("the plain words", "the plain word")
    project.write(test_holds=changed)
    result = project.pytest("-k", "marker")

    result.assert_outcomes(failed=1, deselected=3)
    result.stdout.fnmatch_lines(["E *drifted: is 0.* alike, which is less than 0.99"])
    project.write(test_holds=ignored)
    project.pytest("-k", "marker").assert_outcomes(passed=1, deselected=3)


MISTAKES = """
    import pytest

    class Stubborn:
        def __eq__(self, other):
            return False

    def test_object(llm_snapshot):
        assert object() == llm_snapshot

    def test_same_name(llm_snapshot):
        for n in range(2):
            assert str(n) == llm_snapshot(name="x")

    def test_number_for_a_name(llm_snapshot):
        assert "x" == llm_snapshot(name="2")

    def test_similarity(llm_snapshot):
        assert "x" == llm_snapshot(similarity=60)

    @pytest.mark.llm(similarity="much")
    def test_marker(llm_snapshot):
        assert "x" == llm_snapshot

    def test_own_equality(llm_snapshot):
        assert Stubborn() == llm_snapshot

    def test_extension(llm_snapshot):
        assert "x" == llm_snapshot.use_extension(object)

    def test_nan(llm_snapshot):
        assert [1.0, float("nan")] == llm_snapshot

    def test_ignore(llm_snapshot):
        assert {"a": 1} == llm_snapshot(ignore=["a..["])

    def test_pattern(llm_snapshot):
        assert "x" == llm_snapshot(ignore=["~ (x+"])

    def test_positional(llm_snapshot):
        assert "x" == llm_snapshot("greeting")

    def test_misspelt(llm_snapshot):
        assert "x" == llm_snapshot(similarty=0.5)
"""


def test_mistakes_are_told_with_what_would_have_worked(project):
    project.write(test_it=MISTAKES)
    project.pytest("--snapshot-update")
    result = project.pytest("--snapshot-update")

    result.stdout.fnmatch_lines_random(
        [
            "llm_snapshot cannot hold this: the value is of type object",
            "Two different values were compared with llm_snapshot(name='x') in this test.",
            "llm_snapshot(name='2'): numbers are the names of those without one; add a word",
            "llm_snapshot(similarity=60): it is a number from 0 (any words) to 1 (the same)",
            "*test_it.py::test_marker: @pytest.mark.llm(similarity='much'): it is a number *",
            "E *not compared: `Stubborn.__eq__` answered before llm_snapshot was asked.",
            "llm_snapshot has files of its own; for another extension use syrupy's fixture `snapshot`",
            "llm_snapshot cannot hold this: [[]1] is NaN, which equals nothing, not even itself; *",
            "llm_snapshot(ignore=[[]'a..[[]']): 'a..[[]' is not a path such as messages[[][*][]].id",
            "llm_snapshot(ignore=[[]'~ (x+']): the pattern in '~ (x+' does not compile: *",
            'llm_snapshot("greeting"): write llm_snapshot(name="greeting"); its arguments have names',
            "llm_snapshot(similarty=...): there is no such argument (did you mean similarity?); it has name, *",
        ]
    )


def test_a_damaged_file_is_named_with_its_line_and_left_alone(project):
    project.write(test_it="def test_it(llm_snapshot):\n    assert 'x' == llm_snapshot\n")
    project.pytest("--snapshot-update").assert_outcomes(passed=1)
    path = project.path / "__snapshots__/test_it/test_it.snap"
    damaged = path.read_text(encoding="utf-8").replace("  x", "<<<<<<< HEAD\n  x\n=======\n  y\n>>>>>>> b")
    path.write_text(damaged, encoding="utf-8")
    result = project.pytest("--snapshot-update")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["An unresolved merge conflict", "*__snapshots__/test_it/test_it.snap, line 7"])
    assert path.read_text(encoding="utf-8") == damaged


def test_another_judge_is_not_comparable(project):
    source = """
        from pytest_llmwatch import Verdict

        def test_it(llm_snapshot):
            facts = {"judge_model": "judge-1", "criteria_sha256": "ab"}
            assert Verdict(passed=True, score=0.9, reason="is polite", facts=facts) == llm_snapshot
    """
    project.write(test_it=source)
    project.pytest("--snapshot-update").assert_outcomes(passed=1)
    project.pytest().assert_outcomes(passed=1)
    project.write(test_it=source.replace("judge-1", "judge-2"))
    result = project.pytest()

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E *not comparable: another judge: judge-1 -> judge-2",
            "E *accept *--snapshot-update",
            "snapshots: 1 not comparable",
        ]
    )


def test_a_test_without_it_imports_no_syrupy_of_ours(project):
    project.write(
        test_it="""
            import sys

            def test_it(llm_cassette):
                assert "pytest_llmwatch.snapshot" not in sys.modules
                assert "syrupy" not in sys.modules
        """
    )
    project.pytest("-p", "no:syrupy", is_fresh=True).assert_outcomes(passed=1)


def test_a_recording_whose_outputs_cannot_be_written_is_kept_beside(project, provider):
    block = "\n        import os; os.makedirs('__snapshots__/test_bot/.test_refund.snap.next')"
    project.write(bot=BOT, test_bot=TEST.replace("llm_snapshot):", f"llm_snapshot):{block}", 1))
    provider.answer_with(lambda _request: OLD)

    result = project.pytest("--llm-record", "-k", "refund")

    result.stdout.fnmatch_lines(
        [
            "The approved outputs could not be written: *",
            "  __snapshots__/test_bot/test_refund.snap",
            "The recording is kept in cassettes/test_bot/test_refund.pending.yaml.",
            "and then, to approve its outputs: pytest test_bot.py::test_refund --snapshot-update",
        ]
    )
    assert project.cassette("test_refund.pending.yaml").exists()

    blocked = project.path / "__snapshots__/test_bot"
    (blocked / ".test_refund.snap.next").rmdir()
    blocked.rmdir()
    blocked.write_text("", encoding="utf-8")
    asked = len(provider.requests)
    result = project.pytest("--llm-record", "-k", "refund")

    result.stdout.fnmatch_lines(
        ["The approved outputs could not be written, so no call was made:", "  __snapshots__/test_bot/test_refund.snap"]
    )
    assert len(provider.requests) == asked
