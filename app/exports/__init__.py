"""Reports as files: Excel, PDF and CSV. Knows a report and how to write it, nothing else."""
