"""A script."""

import sys


def main(arguments: list[str]) -> int:
    """Greet whoever is named."""
    if not arguments:
        print("nobody to greet")
        return 2
    for name in arguments:
        print(f"Hello, {name}!")
    return 0


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.exit(code)
