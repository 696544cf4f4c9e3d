"""Classical priors: a known signal, the identity with an ℓ2 or TV penalty, wavelets, a linear subspace.

    import invkit

    kernel = invkit.prior("known:kernel.png?normalise=sum")   # non-blind deconvolution
    image = invkit.prior("wavelet:db4?level=2")               # its shape follows from the measurement
    deblur = invkit.compose(operator="circconv", priors=[kernel, image], solver="altgd")

Each is a generator like any trained one. None of them forces its signal into [0, 1] or onto unit sum. The
dtype and device of a result are those of the latent: constants are cast to them in every call, so nothing has
to be moved by hand.
"""
