"""The linear background is solved for, and what stands in front of it hardly moves it."""

import torch

from world_models.air.background.linear import LinearBackground

SHAPE = (3, 48, 48)


def _scene(seed: int = 0) -> tuple[LinearBackground, torch.Tensor, torch.Tensor]:
    """A model, smooth backgrounds within its reach, and the same with bright squares and noise."""
    rng = torch.Generator().manual_seed(seed)
    model = LinearBackground(SHAPE)
    cells = 0.3 * torch.rand(8, 3 * model.grid**2, generator=rng)
    behind = model.decode(cells)
    frame = behind + 0.05 * torch.randn(behind.shape, generator=rng)
    frame[:, :, 5:17, 8:20] = 0.9
    frame[:, 0, 30:42, 25:37] = 0.8
    return model, behind, frame


def test_objects_and_noise_hardly_move_it() -> None:
    model, behind, frame = _scene()
    found = model.decode(model.posterior(frame)[0])
    clear = torch.ones(48, 48, dtype=torch.bool)
    clear[3:19, 6:22] = False
    clear[28:44, 23:39] = False
    assert (found - behind)[..., clear].abs().mean() < 0.02
    # Plain least squares paints the objects into the background.
    target = torch.nn.functional.adaptive_avg_pool2d(frame, model.POOL).flatten(2)
    cells = torch.linalg.lstsq(model.basis.expand(8, -1, -1), target.transpose(1, 2)).solution
    naive = model.decode(cells.transpose(1, 2).flatten(1))
    error, naive_error = ((x - behind)[..., 5:17, 8:20].abs().mean() for x in (found, naive))
    assert error < 0.1 < naive_error


def test_it_has_nothing_to_learn_and_measures_its_noise() -> None:
    model, _, frame = _scene()
    assert not list(model.parameters())
    model.measure_noise(frame)
    assert 0.03 < model.noise[:, :4].mean() < 0.07
