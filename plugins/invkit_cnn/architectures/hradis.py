"""`l15`: the fifteen-layer network of Hradiš and others, layer by layer.

    network = build("l15", {"channels": 3})
    sum(p.numel() for p in network.parameters())        # 2 256 195, the 2.3 M of the paper

Convolutions with filters of 19, 1, 1, 1, 1, 3, 1, 5, 5, 3, 5, 5, 1, 7 and 7 pixels, each but the last
followed by a ReLU; layers 8 to 15 are in groups of channels that do not see each other. The image comes out
directly: nothing of the input is added to it. The filters reach 51 pixels together, 25 to every side.

Source: M. Hradiš, J. Kotera, P. Zemčík, F. Šroubek, "Convolutional Neural Networks for Direct Text
Deblurring", BMVC 2015: the network L15. The numbers of groups are those with which its filters and channels
add up to the parameters it states.

Ours: at the border the filters see the other side of the picture, as the measurement's circular convolution
does (the paper's network crops its border); weights drawn as He and others (arXiv 1502.01852) have it.
"""

from __future__ import annotations

from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["CHANNELS", "FILTERS", "GROUPS", "L15"]

FILTERS = (19, 1, 1, 1, 1, 3, 1, 5, 5, 3, 5, 5, 1, 7, 7)
"""Pixels of a side of each layer's filters."""

CHANNELS = (128, 320, 320, 320, 128, 128, 512, 128, 128, 128, 128, 128, 256, 64)
"""Channels that each layer but the last gives."""

GROUPS = (1, 1, 1, 1, 1, 1, 1, 4, 2, 1, 2, 2, 1, 2, 1)
"""Groups of channels of each layer."""


class L15(nn.Module):
    """The network, from images in [−½, ½] to images in [−½, ½].

    Args:
        channels: of the image; 3 in the paper.
    """

    #: pixels of which a picture's sides must be multiples, and at least so many: half of the first filter
    multiple, smallest = 1, FILTERS[0] // 2

    def __init__(self, channels: int = 3) -> None:
        super().__init__()
        self.channels = channels
        layers: list[nn.Module] = []
        for (inside, outside), size, groups in zip(
            pairwise((channels, *CHANNELS, channels)), FILTERS, GROUPS, strict=True
        ):
            layers += [_circular(inside, outside, size, groups), nn.ReLU()]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, blurry: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        result: Tensor = self.layers(blurry)
        return result


def _circular(inside: int, outside: int, size: int, groups: int) -> nn.Conv2d:
    layer = nn.Conv2d(inside, outside, size, padding=size // 2, padding_mode="circular", groups=groups)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer
