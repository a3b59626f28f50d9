"""Do dreamed scenes behave and look like real ones: how many objects, how fast, how bright?"""

from dyna.checking.finding import DOUBTFUL, GOOD, WRONG, Finding, graded, worst
from dyna.diagnosis.behaviour import Record
from dyna.diagnosis.beside import FLOOR, compare

RATIOS, OF_SIZE = (0.12, 0.35), (0.06, 0.15)
"""Ratios that are off by up to these shares are good, and doubtful; those of sizes cost more."""
WORDS = {
    "objects": "objects in a frame",
    "speed": "their speed",
    "acceleration": "its changes",
    "size": "their size",
    "size_spread": "how sizes differ",
    "size_change": "how they change from frame to frame",
    "size_drift": "how they change in an episode",
    "visible": "how much of them is seen",
    "overlaps": "how often they overlap",
    "restyling": "how their looks change",
    "brightness": "brightness",
    "contrast": "contrast",
    "flicker": "flicker",
    "sharpness": "sharpness",
}
"""The figures that are judged, in words."""
LESS = ("acceleration", "size_change", "overlaps")
"""Figures that matter less: where they are off, that is doubtful at most."""
NOTICED = {"overlaps": 0.05, "acceleration": 0.15, "size_change": 0.01, "size_drift": 0.03}
"""Differences below these matter to nobody, whatever their ratio."""


def judge(real: Record, dreamed: Record) -> Finding:
    """Compares the statistics of scenes, by what they say of themselves."""
    pairs = {n: p for n, p in compare(real, dreamed).items() if n in WORDS}
    grades, off = {}, []
    for name, pair in pairs.items():
        limits = OF_SIZE if name == "size" else RATIOS
        least = abs(pair.dreamed - pair.real) < NOTICED.get(name, FLOOR)
        grade = GOOD if least else graded(pair.ratio - 1, *limits, pair.error)
        grades[name] = DOUBTFUL if grade == WRONG and name in LESS else grade
        if grade != GOOD:
            off.append(f"{WORDS[name]} ({pair.ratio:.2f} times)")
    said = f"{len(pairs) - len(off)} of {len(pairs)} figures are as in the world"
    said += f"; not so {', '.join(off)}." if off else "."
    figures = {name: pair.ratio for name, pair in pairs.items()}
    return Finding("scenes", worst(*grades.values()), said, figures)
