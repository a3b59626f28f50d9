"""What is said of figures: no more than they show, and of what they do not show that."""

import pytest

from dyna.reporting import model_page, model_plots, model_tables, plots, tables
from dyna.reporting.findings import findings, pooled, verdicts
from tests.dyna.rows import failed, row, seeds, study_rows


@pytest.mark.parametrize(
    ("ours", "said"),
    [
        ((0.80, 0.81, 0.82), "it beats cut_paste (+0.110 ± 0.000)"),
        ((0.70, 0.69, 0.72), "it does NOT beat cut_paste beyond the scatter of the seeds"),
        ((0.60, 0.61, 0.62), "it does NOT beat cut_paste but is below it"),
    ],
)
def test_findings_say_whether_the_model_earns_its_keep(ours, said):
    rows = [*seeds("cut_paste", 0.69, 0.70, 0.71), *seeds("air", *ours)]
    assert said in findings(rows)[0]


@pytest.mark.parametrize(
    # Standard errors of .01 each: 1.96 * sqrt(2) * .01 = .028
    ("ours", "said"),
    [(0.73, "is ahead of"), (0.71, "is NOT clearly ahead of"), (0.67, "is behind")],
)
def test_one_seed_claims_no_more_than_its_episodes_show(ours, said):
    rows = [row("cut_paste", 0.70), row("air", ours)]
    assert f"it {said} cut_paste ({ours - 0.70:+.3f}, one seed)" in findings(rows)[0]


def test_findings_compare_like_with_like():
    rows = [
        *seeds("none", 0.9, real=4000),
        *seeds("cut_paste", 0.9, imagined=300_000),
        *seeds("cut_paste", 0.6),
        *seeds("air", 0.7),
    ]
    sentence = findings(rows)[0]
    assert "ahead of cut_paste (+0.100, one seed)" in sentence
    assert "model-free" not in sentence  # not run at 1,000 real frames
    assert findings([row("reference", 0.6, agent="kcf"), row("reference", 0.5, agent="ncc")]) == [
        "The best classical tracker on plain is KCF: IoU 0.600."
    ]
    assert findings([failed("air")]) == ["1 of 1 runs failed; their rows say why."]


def test_a_verdict_names_who_is_not_beaten_and_who_was_not_run():
    (said,) = verdicts([row("none", 0.5), row("rigid", 0.7), row("air", 0.69)])
    assert said.split(". ") == [
        "In short, on plain: Dyna (air) is not shown to earn its keep: rigid, which costs less, "
        "is not clearly behind it",
        "Not run with the same frames: cut_paste and simulator as model",
        "This is one seed; another may say otherwise.",
    ]
    three = [*seeds("none", 0.5, 0.51), *seeds("rigid", 0.7, 0.71), *seeds("cut_paste", 0.6, 0.61)]
    (said,) = verdicts([*three, *seeds("oracle", 0.8, 0.81), *seeds("air", 0.75, 0.76)])
    assert said == (
        "In short, on plain: Dyna (air) earns its keep: it is ahead of model-free, rigid and "
        "cut_paste, which cost less."
    )
    assert "one seed" not in said


def test_a_model_alone_gets_no_verdict():
    assert "nothing tells whether Dyna (air) earns its keep" in verdicts([row("air", 0.9)])[0]
    # Being ahead of no imagination at all says nothing of what is imagined.
    assert "nothing tells" in verdicts([row("air", 0.9), row("none", 0.1)])[0]
    assert verdicts([row("none", 0.5), row("rigid", 0.6), failed("air")]) == []


def test_a_verdict_holds_at_every_budget_or_does_not():
    good = [row("rigid", 0.5), row("air", 0.9)]
    bad = [row("rigid", 0.8, real=4000), row("air", 0.8, real=4000)]
    assert "is not shown to earn its keep: rigid" in verdicts(good + bad)[0]
    assert "earns its keep: it is ahead of rigid" in verdicts(good)[0]


@pytest.mark.parametrize(
    ("simulator", "said"),
    [
        ((0.90, 0.91), "it is below the ceiling, simulator as model (-0.200 ± 0.000)"),
        ((0.75, 0.66), "it is not told apart from the ceiling, simulator as model"),
        ((0.90,), "it is behind the ceiling, simulator as model (-0.200, one seed)"),
    ],
)
def test_the_simulator_is_a_ceiling_and_no_rival(simulator, said):
    rows = [*seeds("oracle", *simulator), *seeds("air", 0.70, 0.71)]
    assert said in findings(rows)[0]
    assert "simulator" not in verdicts([row("rigid", 0.1), *rows])[0]


@pytest.mark.parametrize(
    ("whole", "said"),
    [
        ((0.80, 0.81), "it is below Dyna (air) (-0.100 ± 0.000)"),
        ((0.60, 0.61), "it is above Dyna (air) (+0.100 ± 0.000)"),
        ((0.69, 0.73), "it is not told apart from Dyna (air)"),
        ((0.80,), "it is behind Dyna (air) (-0.100, one seed)"),
    ],
)
def test_a_variant_is_compared_with_what_it_is_a_variant_of(whole, said):
    rows = [*seeds("air", *whole), *seeds("air_boxes", 0.70, 0.71)]
    own, variant = findings(rows)
    assert said in variant
    assert "boxes alone" not in own
    assert all("nothing tells" in one for one in verdicts(rows))


@pytest.mark.parametrize(
    ("ours", "word"), [(0.80, "above"), (0.61, "not told apart from"), (0.50, "below")]
)
def test_the_best_tracker_is_compared_with(ours, word):
    trackers = [row("reference", 0.60, agent="csrt"), row("reference", 0.3, agent="ncc")]
    said = findings([row("air", ours), *trackers])[-1]
    assert said == (
        f"The best classical tracker on plain is CSRT: IoU 0.600; Dyna (air) is {word} it "
        f"({ours - 0.6:+.3f}, one seed)."
    )


def test_captions_speak_of_intervals_only_where_there_are_some():
    one, many = [row("none", 0.5), row("air", 0.7)], study_rows()
    for caption in (tables.note, *(caption for _, caption in plots.CHARTS)):
        assert "interval over seeds" not in caption(one).replace("intervals", "interval")
        assert "Student" not in caption(one)
        assert "95 %" in caption(many)
    tracked = [*one, row("reference", 0.6, agent="kcf")]
    assert "±: 95 % interval over episodes for trackers" in tables.note(tracked)
    assert "One seed has no interval" in tables.note(one)
    assert "One seed" not in tables.note(many)


def test_notes_on_models_speak_of_seeds_only_where_there_are_several():
    steps = [{"step": 1, "error": 1.0}]
    known = {"arm": "air", "tier": "plain", "count_accuracy": 0.5, "box_iou": 0.5, "steps": steps}
    one, two = [{**known, "seed": 0}], [{**known, "seed": s} for s in (0, 1)]
    for rows, several in ((one, False), (two, True)):
        _, body = model_tables.cells(rows, model_tables.SEES)
        note = model_tables.note(model_tables.SEEN_NOTE, rows, body)
        assert ("Student" in note) == ("over seeds" in note) == several
        assert ("best seed" in model_plots.charts(rows)[0]["caption"]) == several
    ahead = {"error_at_10": 3.0, "bounce_error_at_10": 2.0}
    assert "no closer than constant velocity" in model_page.headline([{**one[0], **ahead}])[-1]


def test_a_variant_is_compared_over_tiers_at_each_budget() -> None:
    rows = []
    for tier, less in (("plain", 0.01), ("hard", 0.03)):
        pair = [*seeds("air", 0.8, 0.7), *seeds("air_boxes", 0.8 - less, 0.7 - less)]
        pair += seeds("air", 0.9, real=4000)
        rows += [{**one, "tier": tier} for one in pair]
    assert pooled(rows) == [
        "With 1,000 real and 120,000 imagined frames, Dyna (air, boxes alone) is -0.020 ± 0.018 "
        "against Dyna (air), over 4 pairs of tiers and seeds (below in 4)."
    ]
    assert pooled([one for one in rows if one["tier"] == "plain"]) == []
