"""Windows spread over a picture: cut out of it, and blended to it.

    layout = Layout.over((200, 300), (20, 20), overlap=2)      # each half a window from the next
    cut = layout.cut(picture)                                  # (…, 200, 300) → (…, windows, 400)
    layout.blended(cut)                                        # the picture again

Each pixel is in one window at least. Weights q, a squared sine across a window, divided by their sum over all
windows, are a smooth partition of unity. What is not known of a window is blended by √q: of windows that are
independent, variances are then blended by q.
"""

from __future__ import annotations

import math

import attrs
import torch
from jaxtyping import Float, Int
from torch import Tensor

__all__ = ["Layout", "Size"]

Size = tuple[int, int]

#: windows along an axis, at most, where not every pixel has to be in one
_MOST = 96
#: beside the squared sine, which is next to nothing at the border of a picture
_FLOOR = 1e-3


@attrs.frozen(eq=False)
class Layout:
    """Places of windows.

    Args:
        picture: height and width of the picture.
        window: height and width of a window, in pixels that it has.
        index: of each pixel of each window in the flattened picture.
    """

    picture: Size
    window: Size
    index: Int[Tensor, "p q"]

    @classmethod
    def over(cls, picture: Size, window: Size, *, overlap: int, step: int = 1, few: bool = False) -> Layout:
        """Windows at even distances.

        Args:
            picture: at least as large as a window.
            window: in pixels of the picture.
            overlap: how many windows a pixel is in, along each axis, about.
            step: of a window every so many-th pixel, down and across.
            few: at most 96 windows along an axis, whether or not they cover all.
        """
        rows, columns = (
            _places(length, side, overlap, step, few)
            for length, side in zip(picture, window, strict=True)
        )
        grid = rows[:, None, :, None] * picture[1] + columns[None, :, None, :]
        return cls(picture, (rows.shape[1], columns.shape[1]), grid.flatten(2).flatten(0, 1))

    def cut(self, picture: Float[Tensor, "*n h w"]) -> Float[Tensor, "*n p q"]:
        """The windows of a picture."""
        found: Tensor = picture.flatten(-2)[..., self.index.to(picture.device)]
        return found

    def blended(
        self, windows: Float[Tensor, "*n p q"], deviations: Float[Tensor, "*n p q"] | None = None
    ) -> Float[Tensor, "*n h w"]:
        """The picture of windows; their ``deviations`` from that are blended by the roots of the weights."""
        index = self.index.to(windows.device)
        rows, columns = (_bump(length, windows) for length in self.window)
        bump = (rows[:, None] * columns).flatten().expand(index.shape)
        total = windows.new_zeros(math.prod(self.picture)).index_add(0, index.flatten(), bump.flatten())
        share = bump / total[index]
        made = windows * share
        if deviations is not None:
            made = made + deviations * share.sqrt()
        flat = made.new_zeros(*made.shape[:-2], len(total)).index_add(-1, index.flatten(), made.flatten(-2))
        return flat.unflatten(-1, self.picture)


def _places(length: int, side: int, overlap: int, step: int, few: bool) -> Int[Tensor, "p m"]:
    """The pixels of every window along an axis."""
    count = min(length - side + 1, 1 + math.ceil((length - side) * overlap / side))
    first = torch.linspace(0, length - side, min(count, _MOST) if few else count, dtype=torch.float64)
    return first.round().long()[:, None] + torch.arange(0, side, step)


def _bump(length: int, like: Tensor) -> Float[Tensor, "m"]:
    place = torch.arange(length, dtype=like.dtype, device=like.device) + 0.5
    return (math.pi * place / length).sin().square() + _FLOOR
