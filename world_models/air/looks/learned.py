"""Looks that go on as a recurrent prior says: where-and-what dynamics, learned along real tracks.

Each imagined object draws one course at its beginning (which way it turns, how fast it changes),
and follows it. The draws are judged by the energy score (Gneiting and Raftery, "Strictly proper
scoring rules, prediction, and estimation", 2007, eq. 21), which is least where they are spread as
real looks are: a mean of all courses would be a blur that stands still. Real tracks are short;
what comes after them is judged by the same score against what objects look like at any time, so
that looks stay among those.
"""

import dataclasses
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from world_models.air.frame.readout import mask_extent
from world_models.air.frame.scene_model import SceneModel
from world_models.air.looks.base import Look, Looks
from world_models.air.looks.memory import Memory
from world_models.blocks.descent import decay, descend
from world_models.blocks.networks import mlp

HIDDEN_DIM, COURSE_DIM = 64, 8
PAST, AHEAD = 4, 12
"""Frames that are seen before looks go on by themselves, and for which they then learn to."""
LONG = 5
"""Looks learn to go on for so many times `AHEAD` frames."""
BATCH = 128
LEARNING_RATE = 3e-3
MAX_GRADIENT = 10.0
GAIN = 0.3
MOST = 3.0
"""Standard deviations that looks may leave the mean of real ones."""


class State(NamedTuple):
    """Looks (standardised), what is remembered of them, and the courses that were drawn."""

    looks: Float[Tensor, "n x"]
    hidden: Float[Tensor, "n h"]
    courses: Float[Tensor, "n c"]


class Learned(Looks):
    """A recurrent network moves ``z_what`` and the sides of windows on, frame by frame.

    Args:
        what_dim: Size of ``z_what``.
        sides: Sides per window, 1 or 2.
    """

    mean: Float[Tensor, " x"]
    spread: Float[Tensor, " x"]

    def __init__(self, what_dim: int, sides: int) -> None:
        super().__init__(what_dim, sides)
        size = what_dim + sides
        self.sizes = [what_dim, sides]
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("spread", torch.ones(size))
        self.gru = nn.GRUCell(size + COURSE_DIM, HIDDEN_DIM)
        self.head = mlp([HIDDEN_DIM + size + COURSE_DIM, 64, size], last_gain=0.1)

    def learn(self, steps: int, rng: torch.Generator) -> dict[str, float]:
        """See `Looks.learn`."""
        memory = self.memory
        if memory is None or len(memory.what) == 0:
            return {}
        looks = torch.cat([memory.what, memory.side], -1)
        self.mean.copy_(looks.mean(0))
        self.spread.copy_(looks.std(0, correction=0).clamp(min=1e-3))
        parameters = list(self.parameters())
        optimiser = torch.optim.Adam(parameters, lr=LEARNING_RATE, fused=True)
        real, tail = self._standard(looks), []
        state: State | None = None
        for i in range(steps):
            optimiser.param_groups[0]["lr"] = LEARNING_RATE * decay(i / steps, 0.5, 0.03)
            near, end = self._score_near(memory, real, rng)
            begun = end if state is None or i % (LONG - 1) == 0 else state
            far, state = self._score_far(begun, real, rng)
            descend(near + far, optimiser, parameters, MAX_GRADIENT)
            if i >= int(0.9 * steps):
                tail.append((near.item(), far.item()))
        if not tail:
            return {}
        near_score, far_score = (sum(x) / len(tail) for x in zip(*tail, strict=True))
        return {"looks_score": near_score, "looks_score_far": far_score}

    def _score_near(
        self, memory: Memory, looks: Float[Tensor, "N x"], rng: torch.Generator
    ) -> tuple[Float[Tensor, ""], State]:
        """Mean energy score of two courses each along known tracks, and where they end."""
        row = torch.randint(len(looks), (BATCH,), generator=rng, device=looks.device)
        sense = 2 * torch.randint(2, row.shape, generator=rng, device=looks.device) - 1
        future, known = memory.walk(row, sense, AHEAD)
        real = looks[future]
        courses = self._courses((2 * BATCH,), rng)
        x, hidden = self._see(looks, memory, row.repeat(2), sense.repeat(2), courses)
        path, end = self._roll(State(x, hidden, courses))
        one, other = path.chunk(2)
        score = (_distance(one, real) + _distance(other, real) - _distance(one, other)) / 2
        return (score * known).sum() / known.sum().clamp(min=1), end

    def _score_far(
        self, state: State, looks: Float[Tensor, "N x"], rng: torch.Generator
    ) -> tuple[Float[Tensor, ""], State]:
        """Energy score of what comes after that, against looks of any time; and where it ends."""
        path, end = self._roll(state)
        row = torch.randint(len(looks), path.shape[:2], generator=rng, device=looks.device)
        # Both courses of an object lie half a batch apart: neighbours are different objects.
        score = _distance(path, looks[row]) - _distance(path, path.roll(1, 0)) / 2
        return score.mean(), end

    def _roll(self, state: State) -> tuple[Float[Tensor, "n t x"], State]:
        """The next looks, and the end of the path, which later gradients do not pass."""
        x, hidden, courses = state
        path = []
        for _ in range(AHEAD):
            x, hidden = self._step(x, hidden, courses)
            path.append(x)
        return torch.stack(path, 1), State(x.detach(), hidden.detach(), courses)

    def _remembered(self, look: Look, rng: torch.Generator) -> Look:
        """See `Looks.begin`: objects that the memory has go on from what they looked like."""
        memory, known = self.memory, (look.row >= 0).flatten()
        if memory is None or not bool(known.any()):
            return look
        looks = self._standard(torch.cat([memory.what, memory.side], -1))
        rows, sense = look.row.flatten()[known], look.sense.flatten()[known]
        courses = self._courses(rows.shape, rng)
        state = torch.cat([*self._see(looks, memory, rows, sense, courses), courses], -1)
        memories = state.new_zeros(known.shape[0], state.shape[-1])
        memories[known] = state
        return dataclasses.replace(look, memory=memories.unflatten(0, look.row.shape))

    def advance(self, scene: SceneModel, look: Look) -> Look:
        """See `Looks.advance`."""
        if look.memory is None:
            return look
        known = look.row >= 0
        state = look.memory[known]
        x, hidden, courses = state.split([len(self.mean), HIDDEN_DIM, COURSE_DIM], -1)
        x, hidden = self._step(x, hidden, courses)
        what, side = (self.mean + self.spread * x).split(self.sizes, -1)
        glimpse, extent, memory = look.glimpse.clone(), look.extent.clone(), look.memory.clone()
        sides = look.memory.new_zeros(*known.shape, self.sizes[1])
        glimpse[known] = scene.decode_what(what)
        extent[known] = mask_extent(glimpse[known][:, -1])
        memory[known] = torch.cat([x, hidden, courses], -1)
        sides[known] = side
        return dataclasses.replace(look, glimpse=glimpse, extent=extent, side=sides, memory=memory)

    def _see(
        self,
        looks: Float[Tensor, "N x"],
        memory: Memory,
        row: Int[Tensor, " n"],
        sense: Int[Tensor, " n"],
        courses: Float[Tensor, "n c"],
    ) -> tuple[Float[Tensor, "n x"], Float[Tensor, "n h"]]:
        """Looks at these rows, and what is remembered of the way there."""
        past, _ = memory.walk(row, -sense, PAST)
        hidden = looks.new_zeros(len(row), HIDDEN_DIM)
        for rows in past.flip(1).unbind(1):
            hidden = self.gru(torch.cat([looks[rows], courses], -1), hidden)
        return looks[row], hidden

    def _step(
        self, x: Float[Tensor, "n x"], hidden: Float[Tensor, "n h"], courses: Float[Tensor, "n c"]
    ) -> tuple[Float[Tensor, "n x"], Float[Tensor, "n h"]]:
        """One frame on."""
        hidden = self.gru(torch.cat([x, courses], -1), hidden)
        change = self.head(torch.cat([hidden, x, courses], -1))
        return (x + GAIN * change).clamp(-MOST, MOST), hidden

    def _courses(self, shape: tuple[int, ...], rng: torch.Generator) -> Float[Tensor, "n c"]:
        return torch.randn(*shape, COURSE_DIM, generator=rng, device=rng.device)

    def _standard(self, looks: Float[Tensor, "N x"]) -> Float[Tensor, "N x"]:
        return ((looks - self.mean) / self.spread).clamp(-MOST, MOST)


def _distance(one: Float[Tensor, "*n x"], other: Float[Tensor, "*n x"]) -> Float[Tensor, "*n"]:
    """Root mean square, with a gradient at 0."""
    return ((one - other).square().mean(-1) + 1e-6).sqrt()
