"""Registers the kernel families and the kernel priors; imports nothing heavy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import invkit

if TYPE_CHECKING:
    from invkit.plugin.registry import Registry


@invkit.hookimpl
def invkit_register(registry: Registry) -> None:
    """Register the kernel families as data sets, and priors of kernels that need no training."""
    registry.dataset(
        "motion",
        "invkit_blurs.motion:Motion",
        summary="straight motion blurs of a given length, random angle",
    )
    registry.dataset(
        "gaussian", "invkit_blurs.gaussian:Gaussian", summary="Gaussian blurs, sigma uniform in [0.5, 1.5]"
    )
    registry.dataset(
        "disk", "invkit_blurs.disk:Disk", summary="a lens out of focus: uniform disks, radius in [1, 6]"
    )
    registry.dataset(
        "blurA", "invkit_blurs.paper:BlurA", summary="the paper's blur A: motion of length 10, 28x28"
    )
    registry.dataset(
        "blurB",
        "invkit_blurs.paper:BlurB",
        summary="the paper's blur B: motion and Gaussian overlapped, 28x28",
    )
    registry.dataset(
        "blur30", "invkit_blurs.paper:Blur30", summary="the paper's large blur: motion of length 30, 32x32"
    )
    registry.dataset(
        "shake",
        "invkit_blurs.shake:Shake",
        summary="camera-shake trajectories (Boracchi & Foi 2012): shake?size=45",
    )
    registry.prior(
        "trajectory",
        "invkit_blurs.trajectory:Trajectory",
        summary="camera shake without a network: a curve of few smooth turns",
    )
    registry.prior(
        "motion",
        "invkit_blurs.motion_prior:MotionPrior",
        summary="straight motion of unknown angle and length: motion?longest=15",
    )
    registry.prior(
        "gaussian-blur",
        "invkit_blurs.gaussian_prior:GaussianPrior",
        summary="Gaussian blur of unknown width, or with anisotropic=true two widths and an angle",
    )
    registry.prior(
        "disk",
        "invkit_blurs.disk_prior:DiskPrior",
        summary="lens out of focus, a disk of unknown radius: disk?largest=6",
    )
    registry.prior(
        "widefield",
        "invkit_blurs.widefield:Widefield",
        summary="point-spread function of a microscope in 3-D: widefield?size=32x64x64",
    )
    registry.prior(
        "simplex",
        "invkit_blurs.simplex:Simplex",
        summary="any kernel of unit sum, the softmax of one number for each pixel: simplex?size=15",
    )
