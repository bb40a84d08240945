"""Functions of pandas values."""

import pandas as pd


def totals(frame: pd.DataFrame, column: str = "a") -> pd.Series:
    """The sums of each group."""
    if column not in frame.columns:
        raise KeyError(column)
    return frame.groupby(column).sum()["b"]


def table(rows: list[dict[str, int]]) -> pd.DataFrame:
    """Rows as a table, without empty ones."""
    frame = pd.DataFrame([row for row in rows if row])
    if len(frame) > 1:
        frame["rank"] = range(1, len(frame) + 1)
    return frame
