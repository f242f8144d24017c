"""How each layer of a network learns: train several seeds, measure every layer, average, draw, log to MLflow."""
