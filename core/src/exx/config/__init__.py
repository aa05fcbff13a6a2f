"""Configuration: one YAML file into frozen classes, with every problem reported by its path."""
