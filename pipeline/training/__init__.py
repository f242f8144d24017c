"""One seed: the training loop, its checkpoints, and the road from a configuration to a finished run."""
