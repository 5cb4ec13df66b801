"""A teacher of one modality and a student of another, on a data set in its published layout."""
