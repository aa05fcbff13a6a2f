"""What a run remembers on disk: atomic files, the ledger of its phases, its lock and its stop signal."""
