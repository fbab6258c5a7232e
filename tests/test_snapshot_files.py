"""The file of snapshots: what is written is read again, whatever stands in it, and a reader can edit it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmwatch.drift.verdicts import Tolerance
from pytest_llmwatch.errors import UnreadableSnapshot
from pytest_llmwatch.snapshot_files import Snapshot, SnapshotFile, dump, parse, with_snapshots

TEST = "tests/test_bot.py::test_refund"
HOSTILE = [
    "",
    "one line",
    "two\nlines",
    "with an end\n",
    "with ends\n\n\n",
    "\n\nwith a beginning",
    "\n",
    "   ",
    "spaces before the end  \nof a line \n",
    "a\n   \nb",
    "  indented\n\tby a tab",
    "--- 1\nkind: text\n\n  not ours",
    "# llmwatch snapshots 1: another",
    "# end",
    "<<<<<<< HEAD\none\n=======\nother\n>>>>>>> branch",
    "back\\slash \\n \\u202e",
    "nul \x00 escape \x1b[31m bell \x07",
    "half a character \ud83d and \udc80",
    "carriage\r\nreturn\r",
    "right to left \u202e gnp.exe, invisible \u200b, tag \U000e0041",
    "返品は14日以内です。\n送料は無料。",
    "escaped: true",
    "\\",
    "line separator \u2028 and \x85 next line",
]


def file_of(*texts, **facts):
    snapshots = (Snapshot(name=str(at), kind="text", text=text, **facts) for at, text in enumerate(texts, 1))
    return SnapshotFile(test=TEST, snapshots=tuple(snapshots))


@pytest.mark.parametrize("text", HOSTILE)
def test_any_text_comes_back_as_it_was(text):
    file = file_of(text, "the next one")

    assert parse(dump(file), "x.snap") == file


@given(st.lists(st.text(st.characters(codec=None)), max_size=4))
def test_texts_of_any_characters_come_back_as_they_were(texts):
    file = file_of(*texts)

    assert parse(dump(file), "x.snap") == file


@pytest.mark.parametrize("text", HOSTILE)
def test_editors_that_strip_spaces_and_systems_that_change_line_ends_do_no_harm(text):
    file = file_of(text, "last")
    written = "\n".join(line.rstrip(" \t") for line in dump(file).split("\n"))

    assert parse(written, "x.snap") == file
    assert parse(written.replace("\n", "\r\n"), "x.snap") == file
    assert parse(written.rstrip("\n") + "\n\n\n", "x.snap") == file


@pytest.mark.parametrize(
    "name", ["second", "2", "with: colon", "日本", '"quoted"', "a\nb", "-", "x" * 500, "\u202e", "a "]
)
def test_any_name_and_any_front_matter_come_back_as_they_were(name):
    snapshot = Snapshot(
        name=name,
        kind="judgement",
        text="yes",
        recording="0f3a9c21d4e5",
        model='"odd": model\n',
        tolerance=Tolerance(similarity=0.25, facts=False, ignore=("items[*].id", "~ \\d+")),
        judge="gpt-5-mini",
        criteria_sha256="ab12",
    )
    file = SnapshotFile(test="t.py::test_x[\u202e\n]", snapshots=(snapshot,))

    assert parse(dump(file), "x.snap") == file


def test_a_reader_sees_the_text_as_text():
    text = "You can return it within 14 days.\n\nKeep the receipt.\n- cards: 5 days"
    facts = {"recording": "0f3a9c21d4e5", "model": "gpt-5-mini-2025-08-07", "tolerance": Tolerance(similarity=0.6)}

    assert dump(file_of(text, **facts)) == (
        "# llmwatch snapshots 1: tests/test_bot.py::test_refund\n"
        "\n"
        "--- 1\n"
        "kind: text\n"
        "recording: 0f3a9c21d4e5\n"
        "model: gpt-5-mini-2025-08-07\n"
        'tolerance: {"similarity": 0.6, "facts": true}\n'
        "\n"
        "  You can return it within 14 days.\n"
        "\n"
        "  Keep the receipt.\n"
        "  - cards: 5 days\n"
        "\n"
        "# end\n"
    )


GOOD = dump(file_of("one", "two"))


@pytest.mark.parametrize(
    "damaged, line, said",
    [
        ("", 1, "the first line is not"),
        ("\x00\x01", 1, "the first line is not"),
        ("# name: test_refund\n  'x'\n", 1, "the first line is not"),
        (GOOD.replace("snapshots 1", "snapshots 9"), 1, "format 9"),
        (GOOD.replace("  one", "<<<<<<< HEAD\n  one\n=======\n  uno\n>>>>>>> b"), 6, "merge conflict"),
        (GOOD.replace("  one", "one"), 6, "'one' stands at the margin"),
        (GOOD.replace("kind: text\n\n", "kind: text\n", 1), 5, "is no line of a front matter"),
        (GOOD.replace("kind: text\n\n  one\n\n", "kind: text\n", 1), 4, "no empty line and no text"),
        (GOOD.replace("kind: text\n\n  two", "kind: calls\n\n", 1), 10, "nothing stands where the calls"),
        (GOOD.removesuffix("# end\n"), 11, "cut short: its last line, `# end`, is missing"),
        (GOOD[: GOOD.index("  two") + 4], 11, "cut short"),
        (GOOD[: GOOD.rindex("kind") + 4], 9, "cut short"),
        (GOOD[: GOOD.index("\n")], 1, "cut short"),
        (GOOD + "--- 3\nkind: text\n\n  three\n", 17, "text stands behind the last line"),
        (GOOD.replace("kind: text", "kind: poem", 1), 3, "the kind 'poem'"),
        (GOOD.replace("--- 2", "--- 1"), 8, "a second snapshot has the name '1'"),
        (GOOD.replace("--- 1", '--- "1'), 3, "broken quotes"),
        (GOOD.replace("--- 1", "hello\n--- 1"), 3, "text that belongs to no snapshot"),
        (GOOD.replace("kind: text", "kind: text\ntolerance: 7", 1), 5, "a tolerance that cannot be read"),
        (GOOD.replace("one", "on\udcff"), 6, "not UTF-8"),
    ],
)
def test_a_damaged_file_is_refused_with_its_line(damaged, line, said):
    with pytest.raises(UnreadableSnapshot) as caught:
        parse(damaged, "x.snap")

    assert caught.value.line == line
    assert said.lower() in str(caught.value).lower()
    assert f"x.snap, line {line}" in str(caught.value)


def test_new_snapshots_take_the_place_of_those_of_their_names():
    file = with_snapshots(file_of("one", "two"), file_of("uno").snapshots)

    assert [snapshot.text for snapshot in file.snapshots] == ["uno", "two"]


def test_a_file_cut_anywhere_is_refused():
    for length in range(len(GOOD) - 1):
        with pytest.raises(UnreadableSnapshot):
            parse(GOOD[:length], "x.snap")
