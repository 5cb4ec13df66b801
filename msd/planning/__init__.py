"""What a study would run, take and cost, before it runs."""
