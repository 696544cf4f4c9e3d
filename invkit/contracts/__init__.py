"""The contracts everything else is written against, one a file; each concrete thing is a plugin's.

from invkit.contracts.bilinear import BilinearOperator      # or from invkit import BilinearOperator
"""
