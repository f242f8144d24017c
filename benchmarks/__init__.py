"""What the project's parts cost, each as a ratio to a stated baseline in the same run."""
