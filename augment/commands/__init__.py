"""The commands of `augment ...`, one module each; `augment.cli` puts them together."""
