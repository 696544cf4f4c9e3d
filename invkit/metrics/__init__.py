"""How close an estimate is to the truth: images, kernels, modulo the ambiguities, modulo a shift.

    psnr(x_hat, x)                                       # (n,) decibels, one per image of the batch
    comparison = compare(operator, estimate=(w_hat, x_hat), truth=(w, x))
    comparison.raw.psnr, comparison.aligned.psnr
    moved = shift_align(x_hat, x)                        # by quarter pixels, borders cropped
    psnr(moved.estimate, moved.truth)

A bilinear measurement has ambiguities: `(αw, x/α)` measures like `(w, x)`, and for a convolution so does a
kernel shifted one way with the image shifted the other. `compare` undoes the operator's own declared
`ambiguities`; `shift_align` and the two error ratios follow the protocol of Levin et al. for photographs,
whose borders are unknown. Numpy arrays in, numpy arrays out; tensors in, tensors out. Everything is computed
in double precision and returned in the dtype of the estimate.
"""

from invkit.metrics.comparison import Comparison, Scores, align, compare
from invkit.metrics.images import per_pixel_error, psnr, ssim
from invkit.metrics.kernels import kernel_ncc, kernel_ncc_modulo_shift
from invkit.metrics.ratios import spectral_error_ratio, squared_error_ratio
from invkit.metrics.shifts import ShiftAligned, psnr_modulo_shift, shift_align, ssim_modulo_shift

__all__ = [
    "Comparison",
    "Scores",
    "ShiftAligned",
    "align",
    "compare",
    "kernel_ncc",
    "kernel_ncc_modulo_shift",
    "per_pixel_error",
    "psnr",
    "psnr_modulo_shift",
    "shift_align",
    "spectral_error_ratio",
    "squared_error_ratio",
    "ssim",
    "ssim_modulo_shift",
]
