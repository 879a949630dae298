"""What a run leaves on disk: records, predictions, where they come from; Parquet."""
