"""Files: atomic writes, images, trained priors, configuration and pictures of results.

Every reader refuses what it cannot vouch for with an `InvkitError` that names the file; every writer leaves
either the complete file or nothing.

>>> from invkit.files.images import read_image, write_image
"""
