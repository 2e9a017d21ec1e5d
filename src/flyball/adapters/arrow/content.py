"""What a reader keeps of a part so that a writer can give its columns back."""

import pyarrow as pa

from flyball.core.record import record


@record
class Content:
    """`kept`: the columns that are wanted back; or, if all are and nothing has to be quoted, the `lines` as they were.

    `text` is the whole part as it was, for a list of refused rows (empty for Parquet); `columns` names those of the file.
    """

    kept: pa.Table | None
    lines: pa.Array | None
    text: bytes
    columns: tuple[str, ...]
