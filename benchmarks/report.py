"""What was measured, beside what was promised."""

from dataclasses import dataclass, field


@dataclass
class Report:
    """Figures in the order in which they were taken, and those that were missed."""

    figures: list[tuple[str, str, str]] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    def add(self, what: str, value: float, unit: str, *, at_most: float) -> None:
        """Take down a figure and whether it keeps its promise."""
        self.figures.append((what, f"{value:.1f} {unit}", f"{at_most:g} {unit}"))
        if value > at_most:
            self.missed.append(f"{what}: {value:.1f} {unit}, at most {at_most:g} {unit}")

    def check(self, holds: bool, told: str) -> None:  # noqa: FBT001 - what holds is all there is to say
        """Miss a promise that has no number."""
        if not holds:
            self.missed.append(told)

    def lines(self) -> list[str]:
        """Return the figures and what was missed as lines of Markdown."""
        return [
            "| figure | measured | at most |",
            "|---|--:|--:|",
            *(f"| {what} | {value} | {at_most} |" for what, value, at_most in self.figures),
            "",
            *(f"Missed: {told}" for told in self.missed),
            *([] if self.missed else ["None was missed."]),
        ]
