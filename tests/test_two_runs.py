"""Two runs at once on the same tests, as of an editor and a terminal: no cassette parts from its snapshots."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from asking_bot import BOT

from pytest_llmwatch.cassette import parse
from pytest_llmwatch.recording_key import recording_key
from pytest_llmwatch.snapshot_files import parse as parse_snapshots

pytestmark = pytest.mark.skipif(os.name == "nt", reason="locks of files")

# Writes its pairs, and repairs as any run does that finds what is half done, as fast as it can.
WRITER = """
    import sys
    from pathlib import Path

    from pytest_llmwatch import pairs
    from test_pairs import texts_of

    age, folder = sys.argv[1], Path(sys.argv[2])
    cassette, snapshots = folder / "cassettes/x.yaml", folder / "snapshots/x.snap"
    texts = [texts_of(f"{age} {number}") for number in range(5)]
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(150):
        text, outputs = texts[number % 5]
        pairs.write_pair(cassette=cassette, cassette_text=text, snapshots=snapshots, snapshots_text=outputs)
        pairs.repair(snapshots, cassette)
"""


def test_two_processes_that_write_and_repair_the_same_pair_leave_it_whole(tmp_path):
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(WRITER), age, str(tmp_path)],
            env={**os.environ, "PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for age in ("one", "other")
    ]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    said = [writer.communicate(timeout=60) for writer in writers]

    assert [err for _out, err in said] == ["", ""]
    assert key_of(tmp_path / "cassettes/x.yaml") == approved_from(tmp_path / "snapshots/x.snap")
    assert list(tmp_path.rglob(".*")) == []


def key_of(cassette):
    return recording_key(parse(cassette.read_text(encoding="utf-8"), "").exchanges)


def approved_from(snapshots):
    (one,) = {each.recording for each in parse_snapshots(snapshots.read_text(encoding="utf-8"), "").snapshots}
    return one


# Each test ends when the other run has come as far, so that both write at once.
MEETING = """
    import os, time
    from pathlib import Path

    import pytest
    from bot import ask

    ME, OTHER = os.environ["ME"], os.environ["OTHER"]

    @pytest.mark.parametrize("n", range(12))
    def test_refund(n, llm_snapshot):
        assert ask(f"Can I return phone {n}?") == llm_snapshot
        Path(f"{ME}-{n}").touch()
        end = time.monotonic() + 20
        while not Path(f"{OTHER}-{n}").exists() and time.monotonic() < end:
            time.sleep(0.0005)
"""


def test_two_recordings_of_the_same_tests_leave_every_pair_whole(project, provider):
    project.write(bot=BOT, test_bot=MEETING)
    answers = iter(range(1000))
    provider.answer_with(lambda _request: f"answer {next(answers)} " * 500)

    runs = [
        project.popen("--llm-record", "-p", "no:xdist", env={"ME": me, "OTHER": other})
        for me, other in (("a", "b"), ("b", "a"))
    ]
    said = [run.communicate(timeout=100) for run in runs]

    assert [run.returncode for run in runs] == [0, 0], said
    for n in range(12):
        cassette = project.cassette(f"test_refund[{n}]")
        assert key_of(cassette) == approved_from(project.path / f"__snapshots__/test_bot/test_refund[{n}].snap")
    assert list(project.path.rglob(".*.next")) == list(project.path.rglob(".*.tmp")) == []


OVERTAKEN = """
    import os, time
    from pathlib import Path

    from bot import ask

    def test_refund(llm_snapshot):
        assert ask("Can I return it?") == llm_snapshot
        if "WAITS" in os.environ:
            Path("waits").touch()
            while not Path("go").exists():
                time.sleep(0.005)
"""


@pytest.mark.parametrize("flag", ["--snapshot-update", "--llm-record"])
def test_what_another_run_has_replaced_meanwhile_is_not_approved_from_what_was_there_before(project, provider, flag):
    project.write(bot=BOT, test_bot=OVERTAKEN)
    snapshots = project.path / "__snapshots__/test_bot/test_refund.snap"
    provider.answer_with(lambda _request: "Within 14 days.")
    project.pytest("--llm-record").assert_outcomes(passed=1)
    if flag == "--snapshot-update":
        snapshots.unlink()

    slow = project.popen(flag, env={"WAITS": "1"})
    while not (project.path / "waits").exists():
        assert slow.poll() is None
    provider.answer_with(lambda _request: "Within 30 days.")
    project.pytest("--llm-record").assert_outcomes(passed=1)
    (project.path / "go").touch()
    out, err = slow.communicate(timeout=60)

    assert key_of(project.cassette("test_refund")) == approved_from(snapshots)
    if flag == "--snapshot-update":
        assert slow.returncode == 1, out + err
        assert "another run has replaced the recording" in out
        assert "30 days" in snapshots.read_text(encoding="utf-8")
    else:
        assert slow.returncode == 0, out + err
        assert "14 days" in snapshots.read_text(encoding="utf-8")
