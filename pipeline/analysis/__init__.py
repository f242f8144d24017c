"""Statistics, tables, figures and reports from the histories of a study's seeds."""
