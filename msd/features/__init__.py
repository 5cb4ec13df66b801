"""Region features of pictures: the stage, and one extractor a module."""
