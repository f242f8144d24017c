"""The cost of the project's parts, each as a ratio to a stated baseline in the same run."""
