"""The stages that train and run models, and what they share: the dataset in memory, the loop, cached outputs."""
