"""The command line: parses, delegates, shows. One module per group of commands."""
