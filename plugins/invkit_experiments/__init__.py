"""The demonstration and the benchmarks, as a plugin of invkit.

invkit demo                      # ten packaged digits, blind, with a table and a picture
invkit bench digits              # the same on a hundred digits of the real test file, method by method
"""
