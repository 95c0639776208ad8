"""Ops that reduce or order the elements along dimensions: sums, extremes, moments, sort, quantiles, segments.

Reductions over the windows of an image are in `windows`.
"""
