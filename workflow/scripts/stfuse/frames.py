"""Tables that other stages wrote, read for those that go on with them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from stfuse.errors import InputError
from stfuse.raster import REMAKE


def read_table(path: Path, columns: Sequence[str] = ()) -> pd.DataFrame:
    """Read a CSV.

    Parameters
    ----------
    path : Path
    columns : sequence of str
        Those that it must have.

    Raises
    ------
    InputError
        If it cannot be read as a table or lacks a column.
    """
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as a table ({error})", REMAKE) from error
    missing = [c for c in columns if c not in table.columns]
    if missing:
        raise InputError(f"{path} lacks the columns {missing}; it has {list(table.columns)}", REMAKE)
    return table
