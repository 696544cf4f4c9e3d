"""Blur kernels: families that draw any number with a seed, and priors without a network.

    blurs = invkit.dataset("shake")
    w = blurs.draw(64, torch.Generator().manual_seed(0))      # (64, 1, 28, 28)
    w.sum((1, 2, 3))                                          # 64 ones

Kernels are non-negative, sum to one, are float32 of shape (1, size, size), and their centre (for ``shake``
their centroid) lies at ``(size - 1) / 2`` in both axes, between the four middle pixels of an even size.

===========  =============================================================  ======
name         kernel                                                         module
===========  =============================================================  ======
motion       straight segment, any length and size, random angle            motion
gaussian     isotropic Gaussian, sigma U[0.5, 1.5]                          gaussian
disk         uniform disk, radius U[1, 6]                                   disk
blurA        motion of length 10, 28 x 28 (arXiv 1802.04073, section 4.1)   paper
blurB        blurA and a Gaussian, overlapped                               paper
blur30       motion of length 30, 32 x 32                                   paper
shake        Boracchi & Foi (2012) camera-shake trajectories, any size      shake
===========  =============================================================  ======

And priors of kernels that need no training, differentiable in a latent ~ N(0, I):

    kernel = invkit.prior("trajectory")
    w = kernel(kernel.sample_latent(64, rng))                 # (64, 1, 28, 28)

=============  ==========================================  ==================  ==============
name           kernel                                      latents             module
=============  ==========================================  ==================  ==============
trajectory     camera shake, a curve of few smooth turns   3 + modes           trajectory
motion         straight segment                            3                   motion_prior
gaussian-blur  Gaussian, round or anisotropic              1 or 4              gaussian_prior
disk           uniform disk                                1                   disk_prior
simplex        free, of unit sum                           one a pixel         simplex
=============  ==========================================  ==================  ==============
"""
