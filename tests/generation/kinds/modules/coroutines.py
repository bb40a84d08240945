"""Asynchronous functions."""

import asyncio


async def doubled(value: int, delay: float = 0.0) -> int:
    """Twice the value, after a while."""
    await asyncio.sleep(delay)
    if value < 0:
        raise ValueError("negative value")
    return value * 2


async def gathered(values: list[int]) -> dict[int, int]:
    """Each value and what became of it; those that fail are left out."""
    results = await asyncio.gather(*(doubled(value) for value in values), return_exceptions=True)
    return {value: result for value, result in zip(values, results, strict=True) if not isinstance(result, Exception)}


async def countdown(start: int):
    """Count down to one."""
    while start > 0:
        yield start
        await asyncio.sleep(0)
        start -= 1
