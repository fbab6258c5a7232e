"""Whether a file can still have a test of a name."""

import pytest

from pytest_llmwatch.commands.test_names import may_define

SHOP = "class TestShop:\n    def test_one(self): ...\n"


@pytest.mark.parametrize(
    "text, names, expected",
    [
        ("async def test_one(): ...", "test_one[a::b]", True),
        ("def test_one_more(): ...  # test_one", "test_one", False),
        (SHOP, "TestShop::test_one", True),
        (SHOP, "TestShop::test_two", False),
        (SHOP, "TestShip::test_one", False),
        ("class TestShop(Base): ...", "TestShop::test_two", True),
        ("from shared import test_one", "test_one", True),
        ("from shared import *", "test_one", True),
        ("test_one = made()", "test_one", True),
        ("globals()[f'test_{name}'] = made()", "test_one", True),
        ("def broken(", "test_one", True),
        ("", "test_bot.function", True),
        ("from pytest_bdd import scenarios\nscenarios('refund.feature')", "test_refund", True),
    ],
)
def test_a_file_may_define_what_its_text_has_or_may_hide(tmp_path, text, names, expected):
    (tmp_path / "test_bot.py").write_text(text)

    assert may_define(tmp_path / "test_bot.py", names) is expected
