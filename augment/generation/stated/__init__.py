"""What a project states of its code: docstrings, conditions in prose, types in annotations and in words."""
