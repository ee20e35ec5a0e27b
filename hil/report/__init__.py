"""Renders run records into one self-contained HTML file; measures nothing."""

from hil.report.page import render

__all__ = ["render"]
