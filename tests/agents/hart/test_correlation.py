"""Template matching: the best match is where the target is, in the shape that it has."""

import torch
from torch.nn import functional as F

from agents.hart.correlation import MAPS, SHAPES, matches


def picture(batch: int = 8) -> torch.Tensor:
    """Smooth random pictures."""
    rough = torch.rand(batch, 3, 12, 12, generator=torch.Generator().manual_seed(0))
    return F.interpolate(rough, (40, 40), mode="bicubic").clamp(0, 1)


def test_what_is_seen_at_first_matches_best_in_the_middle() -> None:
    first = picture()[..., 10:30, 10:30]
    maps = matches(first, first, 2.0, 10)
    assert maps.shape == (8, MAPS, 10, 10)
    # Of an even number of places, four are in the middle.
    assert set(maps[:, 0].flatten(1).argmax(1).tolist()) <= {44, 45, 54, 55}
    assert (maps[:, len(SHAPES) :].sum((-1, -2)).argmax(1) == 0).all()


def test_a_target_that_has_moved_matches_where_it_is() -> None:
    whole = picture()
    first, later = whole[..., 10:30, 10:30], whole[..., 13:33, 8:28]
    best = matches(later, first, 2.0, 10)[:, 0].flatten(1).argmax(1)
    # 3 pixels up and 2 to the right of the middle (4.5, 4.5); a place is 11/10 of a pixel.
    assert (best // 10 - (4.5 - 3 / 1.1)).abs().max() < 0.8
    assert (best % 10 - (4.5 + 2 / 1.1)).abs().max() < 0.8


def test_a_target_that_has_grown_wider_matches_in_the_wider_shape() -> None:
    first = picture()[..., 10:30, 10:30]
    middle = round(20 / SHAPES[1][0])
    low = (20 - middle) // 2
    wide = F.interpolate(first[..., low : low + middle], (20, 20), mode="bilinear")
    share = matches(wide, first, 2.0, 10)[:, len(SHAPES) :].sum((-1, -2))
    assert (share.argmax(1) == 1).all()


def test_light_does_not_matter_and_nothing_matches_what_is_flat() -> None:
    first = picture()[..., 10:30, 10:30]
    plain, dark = matches(first, first, 2.0, 10), matches(0.5 * first + 0.1, first, 2.0, 10)
    assert torch.allclose(plain[:, 0].amax((1, 2)), dark[:, 0].amax((1, 2)), atol=0.05)
    flat = matches(torch.full_like(first, 0.4), first, 2.0, 10)
    assert flat[:, : len(SHAPES)].abs().max() < 0.05
    assert flat.isfinite().all()
