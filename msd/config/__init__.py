"""What a study says: its files read, checked and described."""
