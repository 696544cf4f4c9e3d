"""How close an estimate is to the truth: images, kernels, modulo the ambiguities, modulo a shift.

    psnr(x_hat, x)                                       # decibels, one figure for each image
    comparison = compare(operator, estimate=(w_hat, x_hat), truth=(w, x))
    comparison.raw.psnr, comparison.aligned.psnr
    moved = shift_align(x_hat, x)                        # by quarter pixels, borders cropped
    psnr(moved.estimate, moved.truth)

A bilinear measurement has ambiguities: `(αw, x/α)` measures like `(w, x)`, and for a convolution so does a
kernel shifted one way with the image shifted the other. `compare` undoes the operator's own declared
`ambiguities`; `spectral_angle` and `abundance_rmse` compare factors of spectra modulo order and scale;
`shift_align` and the two error ratios follow the protocol of Levin et al. for photographs,
whose borders are unknown.

Every metric takes what a pipeline gives back, in the same layouts: `(height, width)`, `(channels, height,
width)` or `(n, channels, height, width)`. It gives one figure for each signal, of shape `()` for one signal
and `(n,)` for a batch; a row with NaN spoils no other. For signals with another number of axes give `dims`,
e.g. `dims=1` for `(length)`, `(channels, length)` or `(n, channels, length)`. SSIM, shifts and ratios are for
images alone; `compare` and `align` have `dims` from the operator. Floating point is taken to be in [0, 1]
unless `peak` says otherwise, and integers need a `peak`. Everything is computed in double precision and
returned in the estimate's library and dtype (float32 for integers).
"""

from invkit.metrics.comparison import Comparison, Scores, align, compare
from invkit.metrics.factors import abundance_rmse, spectral_angle
from invkit.metrics.images import per_pixel_error, psnr, ssim
from invkit.metrics.kernels import kernel_ncc, kernel_ncc_modulo_shift
from invkit.metrics.ratios import spectral_error_ratio, squared_error_ratio
from invkit.metrics.shifts import ShiftAligned, psnr_modulo_shift, shift_align, ssim_modulo_shift

__all__ = [
    "Comparison",
    "Scores",
    "ShiftAligned",
    "abundance_rmse",
    "align",
    "compare",
    "kernel_ncc",
    "kernel_ncc_modulo_shift",
    "per_pixel_error",
    "psnr",
    "psnr_modulo_shift",
    "shift_align",
    "spectral_angle",
    "spectral_error_ratio",
    "squared_error_ratio",
    "ssim",
    "ssim_modulo_shift",
]
