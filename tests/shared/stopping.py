"""Listeners of the training of small runs."""

from automtl_core.training.events import EventHandler


class Reports(EventHandler):
    """Keeps the reports of epochs."""

    def __init__(self):
        self.reports = []

    def epoch(self, report):
        self.reports.append(report)
        return True


class StopAfter(EventHandler):
    """Listener that interrupts at the end of an epoch."""

    def __init__(self, epochs):
        self.epochs = epochs

    def epoch(self, report):
        self.epochs -= 1
        if self.epochs == 0:
            raise KeyboardInterrupt
        return True
