"""Other packages' methods as rows: run as their users run them, left out where they are not installed.

    RichardsonLucy("rl-30", "scikit-image's Richardson–Lucy, 30 rounds, with the true kernel")

Colour is deconvolved channel by channel, as scikit-image's documentation does. Borders are the packages' own.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import version
from typing import Any, ClassVar

import attrs
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from invkit.errors import InputError
from invkit_experiments.engine.benchmark import Settings
from invkit_experiments.engine.methods import Found, Method
from invkit_experiments.inputs.sources import Measured, Source

__all__ = ["BlindRL", "RichardsonLucy", "UnsupervisedWiener"]


@attrs.frozen
class Peer(Method):
    """A method of another package."""

    #: distribution and module of the package
    package: ClassVar[tuple[str, str]]
    install: ClassVar[str]

    @abstractmethod
    def found(self, y: Float[Tensor, "c h w"], one: Measured, settings: Settings, seed: int) -> Found:
        """The image, (1, c, h, w), of a measurement, and the kernel where it finds one."""

    def identity(self, source: Source, settings: Settings) -> Mapping[str, Any]:
        distribution, _ = self.package
        self._module()
        own = attrs.asdict(self, filter=lambda field, _: field.name not in ("name", "what"))
        return {"peer": distribution, "version": version(distribution), "steps": settings.steps, **own}

    def recover(self, one: Measured, source: Source, settings: Settings, index: int) -> Found:
        began, spent = time.perf_counter(), time.process_time()
        found = self.found(one.y[0], one, settings, settings.seed + index)
        return attrs.evolve(
            found, seconds=time.perf_counter() - began, cpu=time.process_time() - spent
        )

    def _module(self) -> Any:
        distribution, module = self.package
        try:
            return import_module(module)
        except ImportError as error:
            raise InputError(
                f"{distribution} cannot be imported: {error}", hint=f"type {self.install}"
            ) from error


@attrs.frozen
class RichardsonLucy(Peer):
    """``skimage.restoration.richardson_lucy`` with the true kernel.

    Args:
        rounds: its number of iterations, the package's default.
    """

    rounds: int = 30

    package: ClassVar[tuple[str, str]] = ("scikit-image", "skimage.restoration")
    install: ClassVar[str] = "pip install scikit-image"

    def found(self, y: Float[Tensor, "c h w"], one: Measured, settings: Settings, seed: int) -> Found:
        rounds, kernel = settings.steps or self.rounds, one.w[0, 0].double().numpy()
        restore = self._module().richardson_lucy
        return _by_channel(y, lambda channel: restore(channel, kernel, num_iter=rounds))


@attrs.frozen
class UnsupervisedWiener(Peer):
    """``skimage.restoration.unsupervised_wiener`` with the true kernel; its chain has the run's seed."""

    package: ClassVar[tuple[str, str]] = RichardsonLucy.package
    install: ClassVar[str] = RichardsonLucy.install

    def found(self, y: Float[Tensor, "c h w"], one: Measured, settings: Settings, seed: int) -> Found:
        kernel, restore = one.w[0, 0].double().numpy(), self._module().unsupervised_wiener
        return _by_channel(y, lambda channel: restore(channel, kernel, rng=np.random.default_rng(seed))[0])


@attrs.frozen
class BlindRL(Peer):
    """``deepinv.optim.BlindRL``, told the size of the kernel.

    Args:
        rounds: its number of iterations.
    """

    rounds: int = 100

    package: ClassVar[tuple[str, str]] = ("deepinv", "deepinv")
    install: ClassVar[str] = 'pip install "deepinv==0.5.*"'

    def found(self, y: Float[Tensor, "c h w"], one: Measured, settings: Settings, seed: int) -> Found:
        rounds = settings.steps or self.rounds
        model = self._module().optim.BlindRL(max_iter=rounds, kernel_size=one.kernel_size, use_fft=True)
        with torch.no_grad():
            x, w = model(y[None])
        return Found(x, w)


def _by_channel(y: Float[Tensor, "c h w"], restore: Any) -> Found:
    channels = [restore(channel) for channel in y.double().numpy()]
    return Found(torch.from_numpy(np.stack(channels)).float()[None])
