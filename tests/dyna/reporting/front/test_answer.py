"""The front page's answers: drawn from studies, silent where there is none."""

from pathlib import Path

from dyna.reporting.front import answer
from dyna.scores import results
from dyna.scores.arms import faults
from dyna.scores.results import Row
from tests.dyna.rows import HEADER, seeds

RIGHT = (0.88, 0.86, 0.87)


def _faulty(name: str, *losses: float) -> list[Row]:
    arms = faults()[name].arms
    return [
        row
        for arm, lost in zip(arms, losses, strict=False)
        for row in seeds(arm, *(iou - lost for iou in RIGHT))
    ]


def _accuracy() -> list[Row]:
    rows = [*seeds("oracle", *RIGHT), *seeds("cut_paste", 0.72, 0.70, 0.71)]
    return [
        *rows,
        *_faulty("box_bias", 0.0, 0.0, 0.08, 0.24),
        *_faulty("blur", 0.0, 0.0, 0.0, 0.01),
    ]


def test_break_even_points_are_told_and_what_never_breaks_even() -> None:
    assert answer.accurate(_accuracy()) == (
        "On plain (3 seeds) a simulator with one fault teaches no more than cut_paste, which "
        "learns nothing, once boxes are off to one side (3 px); not even, at the largest "
        "size tried, where frames are blurred (4 px)."
    )
    assert answer.accurate(seeds("air", 0.8)) == ""
    fine = [*seeds("oracle", *RIGHT), *seeds("rigid", 0.7, 0.7, 0.7), *_faulty("blur", 0.01)]
    assert answer.accurate(fine) == (
        "On plain (3 seeds) a simulator with one fault teaches no more than rigid, which learns "
        "nothing, not even, at the largest size tried, where frames are blurred (0.5 px)."
    )


def test_objects_are_compared_over_tiers_and_seeds() -> None:
    rows = [
        *seeds("air", 0.8, 0.82),
        *seeds("vae_rnn", 0.6, 0.62),
        *seeds("air_black", 0.79, 0.79),
        *seeds("none", 0.5),
    ]
    assert answer.objects(rows) == (
        "On plain, Dyna (air) against models without: Dyna (vae_rnn) +0.200 ± 0.000. Variants of "
        "it against it as it is: Dyna (air, black background) -0.020 ± 0.127."
    )
    worse = [*seeds("air", 0.5), *seeds("linear", 0.6), *seeds("relabel", 0.4)]
    assert "Dyna (linear) -0.100. Variants" in answer.objects(worse), "labels alone are no model"
    assert answer.objects(seeds("air", 0.8)) == ""


def test_only_studies_that_were_published_answer(tmp_path: Path) -> None:
    assert answer.sentences(tmp_path) == []
    results.write(tmp_path / "accuracy.json", HEADER, _accuracy())
    [said] = answer.sentences(tmp_path)
    assert said.startswith("**How accurate must a learned model be?** On plain (3 seeds) a")
