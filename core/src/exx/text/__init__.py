"""What is done to answers before they are judged: normalisation, and telling an abstention from an answer."""
