"""The language grader: what is a word, which language it is of, what is said about a reasoning.

Own sentences and texts: cases/language.json. Run: make test PYTEST_ARGS=tests/tasks/grading/test_language.py
"""

import json
from itertools import pairwise, permutations
from pathlib import Path
from random import Random

import pytest
from fakes_runs import make_sample, make_tally
from hypothesis import example, given, settings
from hypothesis import strategies as st

from r1bench.leaderboards import measures
from r1bench.leaderboards.measures import measured
from r1bench.tasks import get_task
from r1bench.tasks.grading import GradeRequest, GradingPool
from r1bench.tasks.grading.languages import grader as language
from r1bench.tasks.grading.languages import vocabulary
from r1bench.tasks.grading.languages.grader import check_target, judge, main_language, stretches_of, words_by_language
from r1bench.tasks.grading.languages.labelling import LEAVE, RETURN, label, most_likely
from r1bench.tasks.grading.languages.masking import cut, words_of

CASES = json.loads((Path(__file__).parents[2] / "cases/language.json").read_text(encoding="utf8"))
SENTENCES: dict[str, list[str]] = CASES["sentences"]
PIECES = [
    "$x^2$",
    "\\(",
    "\\)",
    "\\[",
    "$",
    "$$",
    "`",
    "```",
    "\\frac{a}{b}",
    "_{",
    "}",
    "<b>",
    "https://a.b/",
    "a@b.c",
    "x1",
    "\\begin{a}",
    "\\",
]
TEXTS = st.lists(st.sampled_from([*PIECES, " ", "\n", *(each[0] for each in SENTENCES.values())]) | st.text(max_size=20), max_size=12).map(
    "".join
)


@pytest.mark.parametrize("case", CASES["texts"], ids=[case["why"] for case in CASES["texts"]])
def test_words_outcome_and_mixture_of_a_text(case: dict) -> None:
    found = judge(GradeRequest(case["text"], language=case["target"]))
    total = sum(case["words"].values())
    assert (found.details["words"], found.outcome, found.details["mixed"]) == (case["words"], case["outcome"], case["mixed"])
    assert found.score == pytest.approx(case["words"].get(case["target"], 0) / total if total else 0.0)


@pytest.mark.parametrize(("base", "other"), list(permutations(SENTENCES, 2)))
def test_a_sentence_of_another_language_is_found_in_any(base: str, other: str) -> None:
    texts = [SENTENCES[base][0], SENTENCES[base][1], SENTENCES[other][2], SENTENCES[base][3]]
    wanted = [language for text, language in zip(texts, (base, base, other, base), strict=True) for _ in words_of(text)]
    words = words_of(" ".join(texts))
    found = label(words)
    assert len(found) == len(wanted)
    assert sum(one != two for one, two in zip(found, wanted, strict=True)) <= 2


@pytest.mark.parametrize("name", SENTENCES)
def test_pure_text_is_all_of_one_language(name: str) -> None:
    counts = words_by_language(" ".join(SENTENCES[name]))
    assert counts[name] / sum(counts.values()) >= 0.99


def test_shares_of_real_english_reasoning_are_close_to_one(shared_data: Path) -> None:
    lines = (shared_data / "model_outputs/r1_distill_math_traces.jsonl").read_text(encoding="utf8").splitlines()
    found = [judge(GradeRequest(json.loads(line)["solution"], language="en")) for line in lines]
    assert {each.outcome for each in found} == {"correct"}
    assert min(each.score for each in found) > 0.99


def test_the_reasoning_is_judged_and_not_the_answer() -> None:
    text = "<think>We add two and three to get five.</think>答案是五，因为二加三等于五。"
    assert judge(GradeRequest(text, language="en")).details["words"] == {"en": 8}
    assert judge(GradeRequest("We add two. </think> 答案是五", prefill="<think>\n")).details["words"] == {"en": 3}
    assert judge(GradeRequest("<think></think>We add two and three.")).outcome == "unparsed"
    assert judge(GradeRequest("<think>We add two and", finish_reason="length")).outcome == "correct"


def test_the_target_of_the_row_comes_before_the_language_of_the_problem() -> None:
    request = GradeRequest("我们把二和三相加。", language="en", options={"target": "zh-Hans-CN"})
    assert judge(request).score == 1.0
    assert judge(request._replace(options={})).score == 0.0


@pytest.mark.parametrize("tag", ["nl", "tlh", "", "x", "zhh", "12", "e n", "日本語", "en\n; rm"])
def test_an_unknown_target_is_refused_with_the_known_ones(tag: str) -> None:
    assert "en, es, fr" in str(check_target(tag))
    if tag:
        with pytest.raises(ValueError, match="known: ar, bn"):
            judge(GradeRequest("a text", language=tag))


@pytest.mark.parametrize("tag", ["en", "EN", "en-US", "pt_BR", "zh-Hant", " sw "])
def test_only_the_language_of_a_tag_counts(tag: str) -> None:
    assert check_target(tag) is None


def test_details_say_where_the_language_changes() -> None:
    text = "First we add the numbers. Luego dividimos la suma entre tres. So the answer is seven."
    details = judge(GradeRequest(text, prompt="¿Cuánto es?", language="en")).details
    assert details["prompt_language"] == "es"
    assert details["examples"] == [["es", "Luego dividimos la suma entre tres"]]
    assert details["switches_per_1000_words"] == pytest.approx(2 * 1000 / 16, abs=1e-3)


def test_stretches_follow_one_another_and_hold_every_word() -> None:
    text = " ".join(SENTENCES[name][0] for name in SENTENCES)
    found = stretches_of(text)
    assert sum(each.num_words for each in found) == sum(word.num_words for word in words_of(text))
    assert all(one.language != other.language for one, other in pairwise(found))


def test_the_pool_grades_languages() -> None:
    with GradingPool("language") as pool:
        grade = pool.grade([GradeRequest("We add them, luego restamos dos.")])[0]
    assert (grade.grader, grade.outcome, grade.extracted, grade.score) == ("language", "wrong", "en", 0.5)


@pytest.mark.parametrize(
    ("counts", "mixed"), [({}, 0), ({"en": 9, "zh": 1}, 0), ({"en": 18, "zh": 1, "es": 1}, 1), ({"en": 19, "zh": 2}, 0)]
)
def test_the_board_and_the_grader_mean_the_same_by_mixed(counts: dict[str, int], mixed: int) -> None:
    assert language.is_mixed(counts) is bool(mixed)
    assert (language.MIXED_WORDS, language.MIXED_SHARE) == (measures.MIXED_WORDS, measures.MIXED_SHARE)
    assert pytest.approx(1) == language.CORRECT_SHARE + language.MIXED_SHARE


def test_the_board_reads_languages_and_the_scripts_of_older_run_folders() -> None:
    older = make_tally([], samples=[make_sample("p", 0, 1, languages={"latin": 6, "han": 2, "other": 5})])
    newer = make_tally([], samples=[make_sample("p", 0, 1, languages={"en": 5, "zh": 2, "es": 1})])
    assert [measured(tally, "han").value for tally in (older, newer)] == [2 / 8, 2 / 8]
    assert [measured(tally, "mixed").value for tally in (older, newer)] == [1, 1]
    assert measured(make_tally([[1]], samples=[make_sample("p0000", 0, 1, languages={})]), "han") is None


@given(TEXTS)
@example("ab_{x}cd")
@example("\\AÀ")
@example("a@b.cÀ")
@settings(deadline=None, max_examples=150)
def test_any_text_is_counted_and_masking_adds_no_words(text: str) -> None:
    counts = words_by_language(text)
    assert all(count > 0 for count in counts.values())
    assert sum(counts.values()) == sum(word.num_words for word in words_of(text))
    assert sum(counts.values()) <= sum(word.num_words for word in cut(text))
    assert counts == words_by_language(text)


@given(
    st.sampled_from([*SENTENCES]),
    st.lists(st.sampled_from(["$\\text{luego} + x$", "\\[ a \\]", "`und = dann`", "```\nfor x in y\n```", "12"])),
)
@settings(deadline=None, max_examples=100)
def test_formulas_and_code_do_not_change_the_share(name: str, snippets: list[str]) -> None:
    text = " ".join(SENTENCES[name])
    plain = judge(GradeRequest(text, language=name))
    noisy = judge(GradeRequest(f"{text}\n" + "\n".join(snippets), language=name))
    assert (noisy.score, noisy.details["words"]) == (plain.score, plain.details["words"])


@given(st.lists(st.sampled_from("abcd"), max_size=30), st.integers(0, 2))
@settings(deadline=None, max_examples=150)
def test_the_fast_path_is_the_best_of_all_paths(texts: list[str], base: int) -> None:
    """A second way of computing it: plain Viterbi over the whole text, scores alone."""
    weights = {"a": (0.0, -3.0, -1.0), "b": (-7.0, 0.0, -2.0), "c": (-1.0, -6.0, 0.0), "d": (0.0, 0.0, 0.0)}
    costs = [RETURN if state == base else LEAVE for state in range(3)]
    evidence = [(0.0, 0.0, 0.0) if place and texts[place - 1] == text else weights[text] for place, text in enumerate(texts)]
    best = [0.0 if state == base else -LEAVE for state in range(3)]
    for place, each in enumerate(evidence):
        scores = [score + weight for score, weight in zip(best, each, strict=True)]
        is_last = place == len(evidence) - 1
        best = scores if is_last else [max(score, max(scores) - cost) for score, cost in zip(scores, costs, strict=True)]
    path = most_likely(texts, weights.__getitem__, base)
    states = [base, *path, base] if path else []
    changes = sum(costs[new] for old, new in pairwise(states) if old != new)
    total = sum(each[state] for each, state in zip(evidence, path, strict=True)) - changes
    assert total == pytest.approx(max(score - RETURN * (state != base) for state, score in enumerate(best)) if path else 0.0)


@pytest.mark.parametrize("piece", ["$", "`", "\\(", "\\begin{a}", "<a ", "_{", "a@", "http://", "'a", "```a", "a_", "é'", "我a", "\\a{"])
def test_a_hundred_thousand_characters_of_anything_are_read(piece: str) -> None:
    assert sum(words_by_language(piece * (100_000 // len(piece))).values()) >= 0


def test_evidence_is_forgotten_and_comes_back_the_same() -> None:
    words = ["entonces", "dann", "then", "puis", "allora", "então", "kwa"]
    first = [vocabulary.evidence(word) for word in words]
    vocabulary._weigh.cache_clear()
    assert [vocabulary.evidence(word) for word in words] == first
    assert vocabulary._weigh.cache_info()[2:] == (vocabulary.REMEMBERED, len(words))


def test_evidence_of_a_very_long_word_is_not_kept() -> None:
    vocabulary._weigh.cache_clear()
    assert vocabulary.evidence("x" * 100_000) == (0.0,) * len(vocabulary.LATIN)
    assert vocabulary._weigh.cache_info().currsize == 0


def test_prompts_of_the_task_are_in_their_language_and_distinct() -> None:
    task = get_task("language_mixing")
    problems = task.generate() if task.generate else []
    assert (task.grader, len(problems), len({each.prompt for each in problems})) == ("language", task.num_problems, task.num_problems)
    assert {each.language for each in problems} == {"en", "zh", "es", "de", "fr", "ja", "ru"}
    assert all(words_by_language(each.prompt).keys() == {each.language} for each in problems)
    assert all(main_language(each.prompt) == each.language for each in problems)


def test_splits_of_the_task_share_no_expression_and_seeds_no_prompt() -> None:
    from r1bench.tasks.language_mixing import problems

    test, train = problems("test", 300), problems("train", 300)
    assert not {each.metadata["expression"] for each in test} & {each.metadata["expression"] for each in train}
    assert not {each.prompt for each in problems("train", 140, seed=1)} & {each.prompt for each in problems("train", 140, seed=2)}
    assert problems("train", 20, seed=3) == problems("train", 20, seed=3)


def test_answers_of_the_task_are_what_the_expressions_give() -> None:
    from r1bench.tasks.language_mixing import problems

    for each in problems():
        expression = each.metadata["expression"]
        product, *changes = expression.replace(" * ", "*").replace(" - ", " -").replace(" + ", " +").split()
        first = [int(number) for number in product.split("*")]
        assert each.gold == (str((first[0] * first[1] if len(first) == 2 else first[0]) + sum(map(int, changes))),)


def test_the_same_words_in_any_order_of_texts_are_counted_alike() -> None:
    texts = [sentence for sentences in SENTENCES.values() for sentence in sentences]
    first = [words_by_language(text) for text in texts]
    order = list(range(len(texts)))
    Random(0).shuffle(order)
    assert [first[place] for place in order] == [words_by_language(texts[place]) for place in order]
