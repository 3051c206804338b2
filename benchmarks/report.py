"""The table that is printed: what each contender did, and the ratios with their goals."""

from __future__ import annotations

from dataclasses import dataclass, field

from benchmarks.clients import Measured


@dataclass(slots=True)
class Goal:
    """One promise, with what was found."""

    label: str
    found: float
    wanted: float
    at_most: bool = False

    @property
    def is_met(self) -> bool:
        return self.found <= self.wanted if self.at_most else self.found >= self.wanted

    def __str__(self) -> str:
        mark = "met   " if self.is_met else "MISSED"
        return f"  {mark}  {self.label:<78} {self.found:8.2f}   goal {'≤' if self.at_most else '≥'} {self.wanted:g}"


@dataclass(slots=True)
class Report:
    """Prints figures as they come and keeps the goals for the end."""

    goals: list[Goal] = field(default_factory=list)
    errors: int = 0

    def heading(self, text: str) -> None:
        print(f"\n{text}\n  {'':<60} {'per s':>8} {'median ms':>10} {'p99 ms':>8} {'client ms':>10} {'errors':>7}", flush=True)

    def figures(self, label: str, seen: Measured) -> None:
        failed = seen.errors.total()
        self.errors += failed
        print(f"  {label:<60} {seen.rate:8.0f} {seen.median_ms:10.2f} {seen.p99_ms:8.2f} {seen.cpu_ms:10.2f} {failed:7}", flush=True)
        for name, count in seen.errors.most_common(3):
            print(f"      {count} x {name}")

    def ratio(self, label: str, one: Measured, other: Measured, wanted: float) -> None:
        self.keep(Goal(label, one.rate / other.rate if other.rate else float("nan"), wanted))

    def keep(self, goal: Goal) -> None:
        self.goals.append(goal)
        print(goal, flush=True)

    def end(self) -> int:
        """All goals once more; answers how many are missed."""
        print("\nAll goals")
        self.goals.append(Goal("errors that a client saw", self.errors, 0, at_most=True))
        for goal in self.goals:
            print(goal)
        return sum(not goal.is_met for goal in self.goals)
