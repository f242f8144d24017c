"""HTML reports of studies and comparisons."""
