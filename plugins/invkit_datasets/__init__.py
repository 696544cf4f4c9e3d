"""Image data sets read from files, and a few digits that travel with the package.

digits = invkit.dataset("mnist")                                  # needs the official files
x = digits.take(torch.arange(16), "test")                         # (16, 1, 28, 28), values in [0, 1]
digits = invkit.dataset("mnist-sample")                           # twelve test digits, needs nothing
faces = invkit.dataset("celeba?path=img_align_celeba.zip")        # also svhn, chars74k
photos = invkit.dataset("images?path=photos,size=64")             # any folder or zip of images
"""
