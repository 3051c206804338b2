"""Every report there is, by its name in addresses: the API, the pages and the files are made of this one table."""

from __future__ import annotations

from reports import queries
from reports.shape import Definition
from transactions.models import Dimension

PERIOD = ("from", "to")
DIMENSIONS = tuple(Dimension.values)

_ALL = [
    Definition(
        name="spend",
        title="Spend",
        says="Captures less refunds, plus approved claims and imported lines, less what was repaid, by the day they were posted.",
        answer=queries.spend,
        takes=(*PERIOD, *DIMENSIONS),
        options={"group_by": queries.GROUPINGS, "compare": queries.COMPARISONS},
    ),
]
REPORTS: dict[str, Definition] = {report.name: report for report in _ALL}
