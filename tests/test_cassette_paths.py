import pytest

from pytest_llmwatch.cassette_paths import file_name


@pytest.mark.parametrize(
    "chain, name",
    [
        (["test_a"], "test_a"),
        (["TestBot", "test_a"], "TestBot.test_a"),
        (["test_a[en-1]"], "test_a[en-1]"),
    ],
)
def test_a_plain_name_is_the_one_that_other_recorders_use(chain, name):
    assert file_name(chain) == name


@pytest.mark.parametrize(
    "one, other",
    [
        (["test_a[A]"], ["test_a[a]"]),
        (["test_a[x/y]"], ["test_a[x:y]"]),
        (["test_a[東京]"], ["test_a[大阪]"]),
        (["test_" + "a" * 300], ["test_" + "a" * 301]),
        (["test_a[.]"], ["test_a[..]"]),
        (["A.b", "c"], ["A", "b?c"]),
    ],
)
def test_names_that_a_file_system_could_confuse_stay_apart(one, other):
    names = [file_name(one), file_name(other)]

    assert names[0].lower() != names[1].lower()
    assert all(len(name) < 130 and not set(name) & set('/\\:*?"<>|') for name in names)
