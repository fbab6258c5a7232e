"""What syrupy promises of a snapshot holds for `llm_snapshot`: update, unused, details, workers. And its traps do not.

After syrupy's own suite: test_pytest_extension, test_snapshot_update, test_unused, test_xdist, test_snapshot_details.
"""

import re

import pytest

SUMMARY = re.compile(r"snapshots: |within tolerance: |Re-run|\d+ snapshots? ")
CASES = """
    import os

    import pytest

    SAID = os.environ.get("SAID", "The refund comes within 14 days.")

    def test_one(llm_snapshot):
        assert SAID == llm_snapshot
        if "LESS" not in os.environ:
            assert "extra" == llm_snapshot(name="extra")

    def test_two(llm_snapshot):
        if "SKIP" in os.environ:
            pytest.skip("not today")
        assert "BROKEN" not in os.environ
        assert "two" == llm_snapshot
        assert "BLESSED" not in os.environ

    if "GONE" not in os.environ:

        @pytest.mark.parametrize("name", ["a", "b"])
        def test_three(llm_snapshot, name):
            assert [name] == llm_snapshot

    def test_amber(snapshot):
        assert {"a": 1} == snapshot
"""


@pytest.fixture
def suite(project):
    """A project with approved outputs, and one of Amber's beside them."""
    project.write(test_it=CASES)
    project.pytest("--snapshot-update").assert_outcomes(passed=5)
    return project


def snapshots_of(project):
    found = (path for path in project.path.rglob("__snapshots__/**/*") if path.is_file())
    return {path.relative_to(project.path).as_posix(): path.read_text(encoding="utf-8") for path in found}


def test_a_new_snapshot_fails_and_says_how_to_approve_it(project):
    project.write(test_it=CASES)
    result = project.pytest("-k", "two or three")

    result.assert_outcomes(failed=3, deselected=2)
    result.stdout.fnmatch_lines(
        [
            "E*new: no output was approved yet under the name 1",
            'E*now * "two"',
            "E*accept * pytest test_it.py::test_two --snapshot-update",
            "3 snapshots failed.",
            "snapshots: 3 new",
        ]
    )
    assert snapshots_of(project) == {}


def test_approved_outputs_stand_in_one_file_for_each_test(suite):
    suite.pytest().assert_outcomes(passed=5)

    files = snapshots_of(suite)
    folder = "__snapshots__/test_it"
    assert set(files) == {
        f"{folder}/test_one.snap",
        f"{folder}/test_two.snap",
        f"{folder}/test_three[a].snap",
        f"{folder}/test_three[b].snap",
        "__snapshots__/test_it.ambr",
    }
    assert "--- 1\n" in files[f"{folder}/test_one.snap"]
    assert "--- extra\n" in files[f"{folder}/test_one.snap"]


@pytest.mark.parametrize(
    "args, environment, unused",
    [
        ((), {}, None),
        ((), {"LESS": "1"}, "1 snapshot unused."),
        (("--snapshot-details",), {"LESS": "1"}, "Unused test_one[[]extra] (__snapshots__/test_it/test_one.snap)"),
        (("-n", "2"), {"LESS": "1"}, "1 snapshot unused."),
        ((".",), {"GONE": "1"}, "2 snapshots unused."),
        (("test_it.py",), {"GONE": "1"}, "2 snapshots unused."),
        (("-k", "one"), {"GONE": "1"}, None),
        (("-k", "one"), {"LESS": "1"}, "1 snapshot unused."),
        (("test_it.py::test_one",), {"GONE": "1"}, None),
        (("-m", "slow"), {}, None),
        (("--deselect", "test_it.py::test_two"), {}, None),
        ((), {"SKIP": "1"}, None),
    ],
)
def test_unused_are_those_that_no_test_compares_with_any_more(suite, args, environment, unused):
    before = snapshots_of(suite)
    result = suite.pytest(*args, env=environment)

    assert ("to delete unused snapshots" in result.stdout.str()) == (unused is not None)
    if unused is not None:
        result.stdout.fnmatch_lines([f"*{unused}*"])
        assert result.ret == 1
        assert suite.pytest(*args, "--snapshot-warn-unused", env=environment).ret == 0
    assert snapshots_of(suite) == before


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_an_update_deletes_what_is_unused_and_nothing_else(suite, workers):
    before = snapshots_of(suite)
    result = suite.pytest("--snapshot-update", *workers, env={"GONE": "1", "LESS": "1"})

    result.stdout.fnmatch_lines(["*3 unused snapshots deleted.*", "*Deleted test_one*extra* (*test_one.snap)"])
    after = snapshots_of(suite)
    assert set(before) - set(after) == {
        "__snapshots__/test_it/test_three[a].snap",
        "__snapshots__/test_it/test_three[b].snap",
    }
    assert "extra" not in after["__snapshots__/test_it/test_one.snap"]
    assert after["__snapshots__/test_it.ambr"] == before["__snapshots__/test_it.ambr"]


@pytest.mark.parametrize("broken", ["BROKEN", "SKIP"])
def test_an_update_keeps_what_a_test_did_not_come_to(suite, broken):
    before = snapshots_of(suite)
    suite.pytest("--snapshot-update", env={broken: "1"})

    assert snapshots_of(suite) == before


def test_an_update_refreshes_what_is_within_tolerance(suite):
    moved = {"SAID": "The refund comes within 14 days of that."}
    result = suite.pytest(env=moved)
    result.assert_outcomes(passed=5)
    result.stdout.fnmatch_lines(
        ["snapshots: 4 same, 1 within tolerance", "within tolerance: test_it.py::test_one (* alike)"]
    )

    suite.pytest("--snapshot-update", env=moved).stdout.fnmatch_lines(
        ["*1 snapshot updated.*", "snapshots: 4 same, 1 within tolerance; 1 approved"]
    )
    assert "within 14 days of that." in snapshots_of(suite)["__snapshots__/test_it/test_one.snap"]


def test_a_test_that_fails_blesses_nothing(project):
    project.write(test_it=CASES)
    result = project.pytest("--snapshot-update", "-k", "two", env={"BLESSED": "1"})

    result.assert_outcomes(failed=1, deselected=4)
    result.stdout.fnmatch_lines(["1 snapshot failed.", "snapshots: 1 new"])
    assert snapshots_of(project) == {}


def test_new_only_writes_what_is_missing_and_changes_nothing(suite):
    (suite.path / "__snapshots__/test_it/test_two.snap").unlink()
    before = snapshots_of(suite)
    result = suite.pytest("--snapshot-update-new-only", env={"SAID": "The refund comes within 30 days."})

    result.assert_outcomes(failed=1, passed=4)
    after = snapshots_of(suite)
    assert set(after) - set(before) == {"__snapshots__/test_it/test_two.snap"}
    assert {path: after[path] for path in before} == before


def test_workers_say_and_write_what_one_process_does(project):
    said = {}
    for folder, workers in (("serial", ()), ("parallel", ("-n", "4"))):
        project.write_file(f"{folder}/test_it.py", CASES.replace("\n    ", "\n"))
        runs = [
            project.pytest(folder, "--snapshot-update", *workers),
            project.pytest(folder, *workers, env={"SAID": "The refund comes within 14 days, always."}),
            project.pytest(folder, *workers, env={"SAID": "The refund comes within 30 days.", "LESS": "1"}),
        ]
        lines = [line.replace(folder, "X") for run in runs for line in run.outlines]
        said[folder] = [run.ret for run in runs], [line for line in lines if SUMMARY.match(line)]

    assert said["serial"] == said["parallel"]
    assert len(said["serial"][1]) == 7
    files = {path.partition("/")[::2]: text for path, text in snapshots_of(project).items()}
    one = {name: text.replace("serial/", "") for (folder, name), text in files.items() if folder == "serial"}
    assert one == {
        name: text.replace("parallel/", "") for (folder, name), text in files.items() if folder == "parallel"
    }


def test_without_syrupy_the_fixture_says_what_it_needs(project):
    project.write(test_it="def test_it(llm_snapshot):\n    pass\n\ndef test_other():\n    pass\n")
    result = project.pytest("-p", "no:syrupy")

    result.assert_outcomes(errors=1, passed=1)
    result.stdout.fnmatch_lines(["llm_snapshot needs the plugin syrupy*", "*pytest -p syrupy"])


def test_a_test_that_is_run_again_counts_once(project):
    project.write(
        test_it="""
            import pathlib

            def test_it(llm_snapshot):
                tries = pathlib.Path("tries")
                tries.write_text(tries.read_text() + "x" if tries.exists() else "x")
                assert "said" == llm_snapshot
                assert len(tries.read_text()) > 1
        """
    )
    result = project.pytest("--snapshot-update", "--reruns", "2")

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["1 snapshot generated."])
    assert set(snapshots_of(project)) == {"__snapshots__/test_it/test_it.snap"}
