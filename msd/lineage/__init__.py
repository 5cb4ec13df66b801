"""What made which file: digests, records, audit, trace, comparison and export."""
