"""From the histories of the seeds to what people look at: statistics, tables, figures; without MLflow and torch."""
