"""Ops that reduce or order the elements along dimensions: sums, extremes, moments, sort, quantiles, segments."""
