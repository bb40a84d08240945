"""A folder to put on the path of another interpreter: it makes Augment importable there, and nothing beside it."""
