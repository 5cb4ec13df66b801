"""What each stage is given: classes that a study builds when its workflow is planned, and a job validates again.

Split by room, so that a change of what the tables are given does not change the code digest of a training.
"""
