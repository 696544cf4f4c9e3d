"""Products as bilinear operators: ``pointwise`` (w ⊙ x), ``outer`` (w xᵀ) and ``matmul`` (W X).

op = invkit.operator("matmul")          # the bilinear map of matrix factorisation and dictionary learning
Y = op(W, X)                            # (n, c, rows, columns)
"""
