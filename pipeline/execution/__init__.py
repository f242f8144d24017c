"""Many seeds: where and how they are trained."""
