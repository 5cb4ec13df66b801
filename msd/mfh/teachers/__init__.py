"""The hypothesis on the vision-language teachers of an MSD study."""
