"""Reading the rows of other people's files: JSON Lines, JSON, CSV and Parquet, packed or not, in bounded memory."""
