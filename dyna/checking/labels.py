"""Do boxes sit on what is drawn?

The same is measured of real scenes and of their true boxes, and only the difference counts.
"""

import math

from dyna.checking.finding import Finding, graded, mean_and_error, worst
from dyna.diagnosis.behaviour import Record
from dyna.diagnosis.fit import fit

LIMITS = {
    "x": (0.03, 0.08),
    "y": (0.03, 0.08),
    "ahead": (0.03, 0.08),
    "scatter": (0.03, 0.08),
    "size": (0.06, 0.15),
    "filled": (0.15, 0.4),
}
"""Good and doubtful: differences in boxes, and of `RATIOS` how far they are from one."""
RATIOS = ("size", "filled")


def judge(real: Record, dreamed: Record) -> Finding:
    """Compares how boxes sit in dreams with how true boxes sit on real frames."""
    ours, theirs = fit(real), fit(dreamed)
    figures, grades = {}, []
    for name, limits in LIMITS.items():
        (a, e), (b, f) = (mean_and_error(getattr(one, name)) for one in (ours, theirs))
        noise = math.hypot(e, f)
        if name in RATIOS:
            figures[name] = b / a
            grades.append(graded(b / a - 1, *limits, noise / a))
        else:
            figures[name] = b - a
            grades.append(graded(b - a, *limits, noise))
    said = (
        f"Against real scenes what is drawn lies {figures['x']:+.2f} boxes to the right of its "
        f"box, {figures['y']:+.2f} below it, {figures['ahead']:+.2f} ahead of it, and "
        f"{figures['scatter']:+.2f} more scattered; it is {figures['size']:.2f} times as large in "
        f"its box and stands out {figures['filled']:.2f} times as much."
    )
    if math.isnan(figures["ahead"]):
        said = said.replace(f"{figures['ahead']:+.2f} ahead of it", "moves not at all")
    return Finding("boxes", worst(*grades), said, figures)
