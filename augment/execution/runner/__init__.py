"""What runs inside the project's own interpreter: standard library, pytest and coverage only, valid for Python 3.9.

Loaded by ``runner_main.py`` as the package ``_augment_runner``, from its file, so that no folder of Augment is ever on
``sys.path`` and no name in it can hide a module of the project.
"""
