"""Small functions over text, figures, sequences, tables and opening hours."""
