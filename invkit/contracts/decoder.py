"""Networks as priors: a decoder of yours, or a network whose weights are the latent.

    prior = invkit.decoder(net, latent=(10,))                # any nn.Module that maps (n, 10) to signals
    prior = invkit.untrained(net, torch.rand(1, 8, 32, 32))  # Deep Image Prior: the weights are the latent

Both take a copy of the network, in evaluation mode and without gradients of its weights. Yours stays as it
is.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import get_args

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from invkit.contracts.called import as_tensor
from invkit.contracts.generator import Generator
from invkit.contracts.linear import Role, Shape
from invkit.errors import InputError, ShapeError

__all__ = ["Decoder", "Penalty", "Untrained", "decoder", "untrained"]

_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)

Penalty = Callable[[Tensor, Tensor], Tensor]
"""``(latent, signal) → (n,)``, finite and at least 0; see :meth:`invkit.Generator.penalty`."""


class _OfNetwork(Generator):
    """A prior made of a network: what the constructors of both share."""

    def __init__(
        self, network: nn.Module, penalty: Penalty | None, role: Role, bounds: tuple[float, float] | None
    ) -> None:
        super().__init__()
        if role not in get_args(Role):
            raise InputError(f"role={role!r}", hint="choose kernel, image or any")
        self.network, self._penalty, self.role, self.bounds = network, penalty, role, bounds

    def penalty(
        self, latent: Float[Tensor, "n *latent"], signal: Float[Tensor, "n *signal"]
    ) -> Float[Tensor, "n"]:
        return super().penalty(latent, signal) if self._penalty is None else self._penalty(latent, signal)


class Decoder(_OfNetwork):
    """A prior made of a decoder network: ``x = net(m)``, ``m ~ N(0, I)``.

    Args:
        net: maps ``(n, *latent)`` to ``(n, channels, *dims)``, each row on its own.
        latent: the shape of one latent, e.g. ``(10,)``.
        penalty: None: ``‖m‖²``.
        role: what the signals are, ``kernel``, ``image`` or ``any``.
        bounds: the closed interval of the values that a signal can have, where there is one.
        encoder: maps signals to latents close to theirs, for solvers that start from a signal.

    Raises:
        InputError: the network does not take such latents, cannot be copied, or mixes the candidates of a
            batch.
        ShapeError: what it makes are no signals.
    """

    def __init__(
        self,
        net: nn.Module,
        latent: Shape,
        *,
        penalty: Penalty | None = None,
        role: Role = "any",
        bounds: tuple[float, float] | None = None,
        encoder: nn.Module | None = None,
    ) -> None:
        super().__init__(_constant(net), penalty, role, bounds)
        self.encoder = None if encoder is None else _constant(encoder)
        self.can_encode = encoder is not None
        self.latent_shape = tuple(latent)
        self.signal_shape = _signal_shape(self.network, _zeros(self.network, self.latent_shape))
        if self.encoder is not None:
            made = tuple(_run(self.encoder, _zeros(self.encoder, self.signal_shape)).shape)
            if made != (1, *self.latent_shape):
                raise ShapeError(
                    f"the encoder makes {made} of one signal, expected {(1, *self.latent_shape)}",
                    hint="give an encoder that makes the decoder's latents",
                )

    def forward(self, latent: Float[Tensor, "n *latent"]) -> Float[Tensor, "n *signal"]:
        made: Tensor = self.network(latent)
        return made.clone()

    def encode(self, signal: Float[Tensor, "n *signal"]) -> Float[Tensor, "n *latent"]:
        if self.encoder is None:
            return super().encode(signal)
        latent: Tensor = self.encoder(signal)
        return latent.clone()


class Untrained(_OfNetwork):
    """A prior made of an untrained network: ``x = net_θ(z)`` of one fixed input; the latent is θ.

    What an untrained convolutional network fits first looks like an image. Stopped in time, the fit of its
    weights denoises and deblurs without any training data. The latent holds all weights, flat, in the order
    of ``net.parameters()``; latents are drawn by initialising the network anew.

    Args:
        net: maps ``input`` to ``(1, channels, *dims)``. Batch norm takes the statistics of that one input.
        input: z, noise for instance, with a batch axis of 1; a tensor or a numpy array.
        penalty: None: zero. The network itself is the prior.
        role: what the signals are, ``kernel``, ``image`` or ``any``.
        bounds: the closed interval of the values that a signal can have, where there is one.

    Raises:
        InputError: the network does not take the input, cannot be copied, has no weights, or has some that
            cannot be initialised anew: those of a module without ``reset_parameters``.
        ShapeError: an input without a batch axis of 1, or a network that makes no signals.

    Source: Ulyanov, Vedaldi and Lempitsky, "Deep Image Prior", CVPR 2018.
    """

    input: Tensor

    def __init__(
        self,
        net: nn.Module,
        input: Tensor | np.ndarray,
        *,
        penalty: Penalty | None = None,
        role: Role = "any",
        bounds: tuple[float, float] | None = None,
    ) -> None:
        super().__init__(_constant(net, alone=True), penalty or _nothing, role, bounds)
        input = as_tensor(input, "the input of an untrained network")
        if input.is_floating_point():
            input = input.to(_zeros(self.network, ()))
        if input.ndim < 2 or len(input) != 1:
            raise ShapeError(
                f"the input of an untrained network has shape {tuple(input.shape)}, expected a batch of one",
                hint="write input[None]",
            )
        self.register_buffer("input", input.detach().clone())
        self._shapes = {name: weight.shape for name, weight in self.network.named_parameters()}
        parts = self.network.named_modules()
        fixed = [name for name, part in parts if [*part.parameters(recurse=False)] and not _reset(part)]
        if fixed or not self._shapes:
            what = f"module {fixed[0]!r} has no reset_parameters" if fixed else "it has no weights"
            raise InputError(
                f"the weights of {type(net).__name__} cannot be drawn: {what}",
                hint="give each module with weights of its own a method reset_parameters()",
            )
        self.latent_shape = (sum(shape.numel() for shape in self._shapes.values()),)
        self.signal_shape = _signal_shape(self.network, self.input)

    def forward(self, latent: Float[Tensor, "n weights"]) -> Float[Tensor, "n *signal"]:
        """The signal of every network; all networks are evaluated in one batch."""
        held = {"input": self.input, **dict(self.network.named_buffers())}
        held = {name: each.to(latent) if each.is_floating_point() else each for name, each in held.items()}
        z, lengths = held.pop("input"), [shape.numel() for shape in self._shapes.values()]

        def signal(weights: Tensor) -> Tensor:
            parts = zip(self._shapes.items(), torch.split(weights, lengths), strict=True)
            named = {name: part.view(shape) for (name, shape), part in parts}
            made: Tensor = torch.func.functional_call(self.network, {**held, **named}, (z,))
            return made[0]

        return torch.func.vmap(signal)(latent)

    def sample_latent(
        self,
        n: int,
        rng: torch.Generator,
        *,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> Float[Tensor, "n weights"]:
        """The weights of ``n`` networks initialised anew; torch's global random stream stays where it is."""
        fresh = copy.deepcopy(self.network).cpu()
        drawn = []
        with torch.random.fork_rng(devices=[]):
            for seed in torch.randint(2**63 - 1, (n,), generator=rng, device="cpu").tolist():
                torch.default_generator.manual_seed(seed)
                for part in fresh.modules():
                    if reset := _reset(part):
                        reset()
                drawn.append(torch.cat([weight.detach().flatten() for weight in fresh.parameters()]))
        return torch.stack(drawn).to(dtype=dtype, device=device)


#: as `invkit` offers them, beside `invkit.prior`
decoder = Decoder
untrained = Untrained


def _nothing(latent: Tensor, signal: Tensor) -> Tensor:
    return latent.new_zeros(len(latent))


def _constant(net: nn.Module, *, alone: bool = False) -> nn.Module:
    """A copy that does not learn. ``alone``: every batch it sees is of one, so it may be normalised by it."""
    try:
        copied = copy.deepcopy(net)
    except Exception as error:
        raise InputError(
            f"{type(net).__name__} cannot be copied: {error}", hint="give a module whose tensors are its own"
        ) from error
    if alone:
        torch.func.replace_all_batch_norm_modules_(copied)
    elif any(isinstance(part, _BATCH_NORMS) and part.running_mean is None for part in copied.modules()):
        raise InputError(
            f"the batch norm of {type(net).__name__} has no running statistics: it mixes candidates",
            hint="use track_running_stats=True, or group or instance norm",
        )
    copied.eval().requires_grad_(False)
    return copied


def _zeros(net: nn.Module, shape: Shape) -> Tensor:
    """A batch of one of zeros, in the precision and on the device of a network."""
    like = next((each for each in net.parameters() if each.is_floating_point()), torch.zeros(()))
    return like.new_zeros(1, *shape)


def _run(net: nn.Module, given: Tensor) -> Tensor:
    try:
        with torch.no_grad():
            made = net(given)
    except Exception as error:
        raise InputError(
            f"{type(net).__name__} does not take a batch of shape {tuple(given.shape)}: {error}",
            hint="check the network on torch.zeros of that shape",
        ) from error
    if not isinstance(made, Tensor) or not made.is_floating_point():
        what = made.dtype if isinstance(made, Tensor) else type(made).__name__
        raise InputError(f"{type(net).__name__} makes {what}, expected a tensor of real numbers")
    return made


def _signal_shape(net: nn.Module, given: Tensor) -> Shape:
    made = tuple(_run(net, given).shape)
    if len(made) < 3 or made[0] != 1:
        raise ShapeError(
            f"{type(net).__name__} makes {made} of a batch of one, expected (1, channels, *dims)",
            hint="end it by nn.Unflatten(1, (channels, height, width))",
        )
    return made[1:]


def _reset(part: nn.Module) -> Callable[[], object] | None:
    private = getattr(part, "_reset_parameters", None)
    return getattr(part, "reset_parameters", private)
