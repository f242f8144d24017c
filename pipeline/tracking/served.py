"""What MLflow runs to serve a seed's best network: raw images in, class probabilities under the classes' names out.

MLflow keeps a copy of this file in every model: it may import nothing of the project.
"""

import json
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import torch
from mlflow.pyfunc.model import PythonModel, PythonModelContext


class ImageClassifier(PythonModel):
    def load_context(self, context: PythonModelContext) -> None:
        """Read the exported network, which has the preprocessing inside."""
        self.network = torch.export.load(context.artifacts["network"]).module()
        self.classes: list[str] = json.loads(Path(context.artifacts["classes"]).read_text())

    # MLflow refuses other names of parameters, and warns of other types
    def predict(self, context: PythonModelContext, model_input: np.ndarray, params: Any = None) -> pd.DataFrame:  # noqa: ARG002
        """Return probabilities, a row an image, a column a class, of images: uint8, N x height x width x channels."""
        with torch.inference_mode():
            probabilities = self.network(torch.from_numpy(np.array(model_input, dtype=np.uint8)))
        return pd.DataFrame(probabilities.numpy(), columns=self.classes)


mlflow.models.set_model(ImageClassifier())
