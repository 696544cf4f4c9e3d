"""The shift ambiguity of circular convolution: ``w`` moved by ``−s`` and ``x`` rolled by ``s`` measure as
before.

shift = Shift()
w, x = shift.align(w, x, w_true, x_true)        # undoes the offset that a blind method cannot know
"""

from __future__ import annotations

import torch
from torch import Tensor

from invkit.contracts.ambiguity import Ambiguity, Pair, W, X


class Shift(Ambiguity):
    """Integer circular shifts of ``x`` by ``s``, and of ``w`` by ``−s`` within its support.

    The image is rolled. So is the kernel along axes on which it is as long as the image; on others it is
    moved and filled up with zeros. The action is exact on kernels with margins of zeros as wide as the shift
    (:meth:`restrict` makes them so); on others it drops the mass that leaves the support.
    """

    name = "shift"

    def sample(self, w: W, x: X, rng: torch.Generator) -> Tensor:
        """One shift per pair, (n, dims) integers, at most a third of the kernel's support each way."""
        reach = torch.tensor([length // 3 for length in w.shape[2:]])
        unit = torch.rand(w.shape[0], len(reach), generator=rng, dtype=torch.float64)
        return ((unit * (2 * reach + 1)).floor().long() - reach).to(w.device)

    def restrict(self, w: W, x: X, parameter: Tensor) -> Pair:
        """The kernel with zeros where the shift would push it off its support."""
        return _moved(_moved(w, -parameter, x), parameter, x), x

    def act(self, w: W, x: X, parameter: Tensor) -> Pair:
        return _moved(w, -parameter, x), _moved(x, parameter, x)

    def displacement(self, w: W) -> Tensor | None:
        """The kernel's origin less its centroid; NaN of a kernel with negative or complex values."""
        mass = w.real.sum(1)
        sound = (~(w.real < 0).flatten(1).any(1) if not w.is_complex() else mass.new_zeros(len(w)).bool())
        total = mass.flatten(1).sum(1)
        offsets = []
        for axis in range(1, mass.ndim):
            place = torch.arange(mass.shape[axis], device=w.device) - mass.shape[axis] // 2
            others = [other for other in range(1, mass.ndim) if other != axis]
            line = mass.sum(others) if others else mass
            offsets.append(-(line * place).sum(1) / total)
        return torch.stack(offsets, 1).masked_fill(~sound[:, None], torch.nan)

    def align(self, w: W, x: X, w_true: W, x_true: X) -> Pair:
        """The shift at which ``x`` correlates best with the truth, summed over channels, applied to both.

        ``x`` decides alone, among the shifts that leave something of the kernel on its support. Where the
        best one pushes part of the kernel's mass off, ``x`` is aligned and ``w`` is what is left.
        """
        size, axes = tuple(x.shape[2:]), tuple(range(2, x.ndim))
        spectrum = torch.fft.fftn(x_true, dim=axes) * torch.fft.fftn(x, dim=axes).conj()
        correlation = torch.fft.ifftn(spectrum, dim=axes).sum(1)
        correlation = correlation.abs() if w.is_complex() and x.is_complex() else correlation.real
        within = torch.ones((), dtype=torch.bool, device=x.device)
        for length, support in zip(size, w.shape[2:], strict=True):
            movement = _least_movement(torch.arange(length, device=x.device), length)
            within = within[..., None] & (movement.abs() < support)
        best = correlation.masked_fill(~within, -torch.inf).flatten(1).argmax(1)
        moves = []
        for length in reversed(size):
            moves.append(_least_movement(best % length, length))
            best = best // length
        return self.act(w, x, torch.stack(moves[::-1], dim=1))


def _least_movement(shift: Tensor, length: int) -> Tensor:
    """The same circular shift with the least movement, so that a kernel stays on its support if it can."""
    return torch.where(shift > length // 2, shift - length, shift)


def _moved(signal: Tensor, shift: Tensor, x: Tensor) -> Tensor:
    """Every signal of the batch moved by its own shift: rolled along axes as long as the image's, else with
    zeros moving in.
    """
    for axis, offset in enumerate(shift.to(signal.device).unbind(1), start=2):
        length = signal.shape[axis]
        source = torch.arange(length, device=signal.device) - offset[:, None]
        per_axis = [signal.shape[0] if a == 0 else length if a == axis else 1 for a in range(signal.ndim)]
        signal = signal.gather(axis, (source % length).reshape(per_axis).expand_as(signal))
        if length < x.shape[axis]:
            inside = (source >= 0) & (source < length)
            signal = torch.where(inside.reshape(per_axis), signal, torch.zeros_like(signal))
    return signal
