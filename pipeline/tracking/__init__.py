"""The only folder that knows MLflow: runs, what is logged to them, and the histories read back."""

import logging
import os

# mlflow draws a bar for every file it copies; the project has its own progress
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
# nor need a person read that a database was set up, or at length what is then said in a line
logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
# nor that a model's example is tried as it is logged
logging.getLogger("mlflow.pyfunc").setLevel(logging.WARNING)
# a server that is away is said once, by the outbox, and not with every attempt
for _logger in ("urllib3.connectionpool", "mlflow.system_metrics"):
    logging.getLogger(_logger).setLevel(logging.ERROR)
# seeds log processor, memory and GPU; who does not want that sets the variable to false
os.environ.setdefault("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING", "true")
# what cannot be sent waits on disk: no need to block for minutes in mlflow's own retries
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
