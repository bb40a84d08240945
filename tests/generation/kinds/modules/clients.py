"""Functions that use a client of HTTP, and programs that are talked to."""

import subprocess

import requests


def title(number: int) -> str:
    """The title of a page."""
    response = requests.get(f"https://example.com/pages/{number}", timeout=3)
    if response.status_code == 404:
        return "missing"
    response.raise_for_status()
    return response.json()["title"]


def sorted_by_program(text: str) -> list[str]:
    """Lines that another program sorts."""
    with subprocess.Popen(["sort", "-u"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        output, _ = program.communicate(text)
    if program.returncode:
        raise RuntimeError("sort failed")
    return output.split()
