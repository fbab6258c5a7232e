"""Folders with a file for each test are passed by; one that holds something else is collected as ever."""

CONFTEST = """
def pytest_collect_file(file_path):
    print("offered", file_path.name)
"""
PASSES = "def test_it(): pass\n"


def test_files_of_ours_are_offered_to_nobody_and_others_beside_them_are(project):
    project.write(test_bot=PASSES, conftest=CONFTEST)
    for folder, name in (("cassettes", "test_it.yaml"), ("__snapshots__", "test_it.snap")):
        for module in ("test_bot", "mixed"):
            place = project.path / folder / module
            place.mkdir(parents=True)
            (place / name).write_text("", encoding="utf-8")
        (project.path / folder / "mixed" / f"test_in_{folder.strip('_')}.py").write_text(PASSES, encoding="utf-8")

    result = project.pytest("-s")

    result.assert_outcomes(passed=3)
    assert [line for line in result.outlines if line.startswith("offered test_it")] == [
        "offered test_it.snap",
        "offered test_it.yaml",
    ]
