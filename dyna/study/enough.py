"""When more seeds would tell nothing new: each learned model is told apart from all its rivals.

After every seed Student's interval of the paired differences is looked at, at a level that allows
for all looks and comparisons (Bonferroni), so that stopping early claims no more than asked.

Source:
    The idea is AdaStop's (Mathieu et al., 2023, https://arxiv.org/abs/2306.10882), which permutes
    groups of runs instead, and needs no normal differences.
"""

from collections.abc import Sequence

from dyna.reporting.findings import rivals
from dyna.reporting.tables import lines
from dyna.scores import results, statistics
from dyna.scores.arms import arm
from dyna.scores.results import Row
from dyna.study.plan import Job

LEAST = 3
"""Seeds before the first look."""


def needless(job: Job, jobs: Sequence[Job], rows: Sequence[Row], confidence: float | None) -> bool:
    """Whether seeds before that of a job have decided all comparisons on its tier.

    Args:
        job: Not started yet.
        jobs: All of the study.
        rows: What came out so far.
        confidence: That no comparison on the tier is decided wrongly; None: all seeds are run.
    """
    if confidence is None or job.row["arm"] == "reference":
        return False
    own = [x for x in jobs if x.row["tier"] == job.row["tier"] and x.row["arm"] != "reference"]
    seeds = sorted({x.row["seed"] for x in own})
    known = {results.key(row): row for row in rows if row["status"] == "ok"}
    for number in range(LEAST, seeds.index(job.row["seed"]) + 1):
        wanted = [results.key(x.row) for x in own if x.row["seed"] in seeds[:number]]
        if not known.keys() >= set(wanted):
            return False
        if _decided([known[key] for key in wanted], confidence, len(seeds) - LEAST):
            return True
    return False


def _decided(rows: Sequence[Row], confidence: float, looks: int) -> bool:
    """Whether each learned model is above or below all rivals with the same frames."""
    every = lines(rows)
    pairs = [
        (ours, rival)
        for ours in every
        if ours.is_learned
        for rival in rivals(ours, every)
        if arm(rival.arm).is_rival
    ]
    level = 1 - (1 - confidence) / max(looks * len(pairs), 1)
    verdicts = (statistics.verdict(*ours.paired(rival), level) for ours, rival in pairs)
    return bool(pairs) and all(found != "level" for found in verdicts)
