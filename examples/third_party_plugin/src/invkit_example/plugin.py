"""The hook. Light: targets are strings, so nothing heavy is imported until something here is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import invkit

if TYPE_CHECKING:
    from invkit import Registry


@invkit.hookimpl
def invkit_register(registry: Registry) -> None:
    """Register the three parts under the names used in specs and on the command line."""
    registry.operator(
        "crosscorr",
        "invkit_example.crosscorr:CrossCorrelation",
        summary="circular cross-correlation y[i] = sum_j w[j] x[i + j]",
    )
    registry.prior(
        "gaussian-blob",
        "invkit_example.blob:GaussianBlob",
        summary="isotropic Gaussian kernel; the latent is its log-width",
    )
    registry.solver(
        "barzilai-borwein",
        "invkit_example.barzilai_borwein:BarzilaiBorwein",
        summary="gradient descent with Barzilai-Borwein steps",
    )
