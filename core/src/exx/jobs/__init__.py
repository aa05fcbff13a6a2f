"""Getting requests answered."""
