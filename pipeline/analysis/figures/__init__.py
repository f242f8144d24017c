"""Figures of studies, comparisons and data sets."""
