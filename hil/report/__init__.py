"""Renders a run record into one self-contained HTML file; measures nothing."""
