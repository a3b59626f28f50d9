"""Where objects end: as pixels tell, or as masks do where pixels cannot."""

import pytest
import torch
from torch import Tensor

from tests.world_models.air.objects.test_slots import SIZE
from tests.world_models.air.test_sharpening import slots_of, white_squares
from world_models.air.crops import Shown, look
from world_models.air.frame.readout import mask_extent
from world_models.air.frame.scene_model import SceneModel
from world_models.air.objects.slots import Slots
from world_models.air.outlines import INK, clear, ink, outlines, pictures
from world_models.blocks.glimpse import draw_glimpse, read_glimpse

DARK = 0.2


@pytest.fixture
def scene() -> SceneModel:
    return white_squares()


def _frame(left: int, top: int, right: int, bottom: int) -> Tensor:
    """A bright rectangle on dark ground."""
    frame = torch.full((1, 1, SIZE, SIZE), DARK)
    frame[..., top:bottom, left:right] = 0.9
    return frame


def _looked(
    scene: SceneModel, slots: Slots, frame: Tensor, bars: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Extents and pictures of what is clear."""
    with torch.no_grad():
        seen = Shown(frame, torch.full_like(frame, DARK), bars)
        crops = look(scene, slots, clear(slots), slots.where.loc, seen)
        glimpse, window = scene.decode_what(slots.what.loc), slots.where.loc
        glimpse, window = glimpse[clear(slots)], window[clear(slots)]
        picture = pictures(crops, glimpse, window, (SIZE, SIZE))
        return mask_extent(ink(crops, glimpse), INK), picture


def test_the_rim_is_where_the_colour_ends_not_where_the_mask_does(scene: SceneModel) -> None:
    """The mask is the whole window, eight pixels wide; the object is less."""
    slots = slots_of([(12.0, 12.0)])
    extent, _ = _looked(scene, slots, _frame(9, 10, 14, 15))
    pixels = 8 + 8 * extent[0]
    assert pixels.tolist() == pytest.approx([9.0, 10.0, 14.0, 15.0], abs=0.35)


def test_where_something_hides_it_the_mask_tells(scene: SceneModel) -> None:
    slots, frame = slots_of([(12.0, 12.0)]), _frame(9, 10, 14, 15)
    bars = torch.zeros(1, SIZE, SIZE)
    bars[..., 12:] = 1.0
    extent, _ = _looked(scene, slots, frame, bars)
    left, _, right, _ = (8 + 8 * extent[0]).tolist()
    assert left == pytest.approx(9.0, abs=0.35)
    assert right == pytest.approx(16.0, abs=0.35), "nobody can see where it ends"


def test_all_objects_of_episodes_have_outlines(scene: SceneModel) -> None:
    """In every frame; those that are not well seen have those of their masks."""
    slots = slots_of([(6.0, 6.0), (18.0, 18.0)], visible=torch.tensor([[1.0, 0.4]]))
    frames = (255 * _frame(4, 4, 9, 9)).round().to(torch.uint8)[:, None].repeat(1, 3, 1, 1, 1)
    scene.background.decode = lambda z: torch.full((len(z), 1, SIZE, SIZE), DARK)  # type: ignore[method-assign]
    found = outlines(scene, [slots] * 3, frames, False)
    assert found.shape == (1, 3, 2, 4)
    assert (2 + 8 * found[0, :, 0]).sub(torch.tensor([4.0, 4.0, 9.0, 9.0])).abs().max() < 0.35
    assert torch.equal(found[0, :, 1], torch.tensor([0.0, 0.0, 1.0, 1.0]).expand(3, 4))


def test_a_picture_over_what_is_behind_it_gives_the_frame(
    scene: SceneModel, rng: torch.Generator
) -> None:
    slots = slots_of([(12.0, 12.0)])
    frame = torch.full((1, 1, SIZE, SIZE), DARK)
    frame[..., 8:16, 8:16] += torch.linspace(0, 0.7, 8)
    _, picture = _looked(scene, slots, frame)
    layer = draw_glimpse(picture, slots.where.loc[0], (SIZE, SIZE))
    drawn = layer[:, :-1] + (1 - layer[:, -1:]) * DARK
    assert (drawn - frame)[..., 9:15, 9:15].abs().max() < 0.03


def test_pictures_are_as_sharp_as_what_they_show(scene: SceneModel, rng: torch.Generator) -> None:
    """Between the pixels, where a window that is read and drawn again is a blur."""
    slots = slots_of([(12.3, 12.4)])
    frame = torch.full((1, 1, SIZE, SIZE), DARK)
    frame[..., 8:16, 8:16] = 0.9 * torch.rand(8, 8, generator=rng)
    inner = frame[..., 10:15, 10:15]
    window = slots.where.loc[0]

    def loss(picture: Tensor) -> float:
        drawn = draw_glimpse(picture, window, (SIZE, SIZE))[..., 10:15, 10:15]
        return (drawn - inner).square().mean().sqrt().item()

    _, picture = _looked(scene, slots, frame)
    read = read_glimpse(frame, window, picture.shape[-1])
    assert loss(picture[:, :-1]) < 0.7 * loss(read)
