"""Unmixing: ``Y = W X`` with non-negative W (endmembers) and X (abundances), hyperspectral images above all.

unmix = invkit.compose("matmul?rank=4", w="nonnegative", x="nonnegative", solver=["purest", "ice"])
solution = unmix(y)                            # y (bands, pixels); w (bands, 4), x (4, pixels)
fractions = solution.x / solution.x.sum(0)     # of each endmember in each pixel

`vca` and `purest` choose pixels as endmembers and are starts for others; `ice` refines them.
"""
