"""What a teacher or student is: its views, its network, building, saving, loading, predicting and its sizes."""
