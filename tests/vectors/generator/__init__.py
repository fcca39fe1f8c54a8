"""The cases of the JSON files: one module for each file, and `delivery` for what they share."""
