"""The only folder that imports MLflow: runs, what is logged to them, and what is read back."""

import logging
import os

# the project has its own progress, and its own line for an error
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
# a model's example is tried as it is logged
logging.getLogger("mlflow.pyfunc").setLevel(logging.WARNING)
# the outbox reports an outage once, not with every attempt
for _logger in ("urllib3.connectionpool", "mlflow.system_metrics"):
    logging.getLogger(_logger).setLevel(logging.ERROR)
# seeds log processor, memory and GPU unless the variable is false
os.environ.setdefault("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING", "true")
# unsent results wait on the disk: MLflow's own retries need not block for minutes
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
