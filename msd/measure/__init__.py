"""What is measured: metrics, verdicts and the statistics of both, on arrays alone."""
