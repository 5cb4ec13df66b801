"""The stages that train and run models, and what they share: the dataset, the loop, cached outputs."""
