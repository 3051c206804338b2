"""Every report of the catalogue, as it stands on its page: an id and a label for each dimension, then currency and measures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from reports.exports.columns import Column
from reports.exports.sheets import CSV, XLSX, Asked, Row, Sheet, refuse_unknown, seen_by_team
from reports.forms import question_from
from reports.shape import Axis, Definition, Measure, Report
from users.models import Membership


@dataclass(frozen=True, slots=True)
class ReportExport:
    """Its rows are the report's; totals are left to the sheet, which would count them twice."""

    definition: Definition
    formats: tuple[str, ...] = (CSV, XLSX)

    @property
    def name(self) -> str:
        return f"reports/{self.definition.name}"

    @property
    def title(self) -> str:
        return self.definition.title

    @property
    def rule(self) -> str:
        return self.definition.rule

    def seen_as(self, member: Membership) -> str:
        return seen_by_team(self.rule, member)

    def open(self, asked: Asked) -> Sheet:
        refuse_unknown(asked.given, (*self.definition.takes, *self.definition.options, "currency"))
        question = question_from(asked.given, self.definition, asked.membership, at=asked.at)
        answer = self.definition.answer(question)
        columns = _columns(answer)

        def rows() -> Iterator[list[Row]]:
            yield [[column.of(row) for column in columns] for row in answer.rows]

        return Sheet(self.title, columns, rows, lambda most: min(len(answer.rows), most or len(answer.rows)))


def _columns(report: Report) -> list[Column]:
    axes = [column for place, axis in enumerate(report.axes) for column in _axis(place, axis)]
    return [*axes, Column("currency", lambda row: row.currency, 8), *(_measure(place, one) for place, one in enumerate(report.measures))]


def _axis(place: int, axis: Axis) -> tuple[Column, Column]:
    return Column(f"{axis.name} id", _key(place, "id"), 32), Column(axis.label, _key(place, "label"), 24)


def _key(place: int, part: str) -> Callable[[Any], str]:
    return lambda row: str(getattr(row.keys[place], part))


def _measure(place: int, measure: Measure) -> Column:
    return Column(measure.name, lambda row: row.values[place])
