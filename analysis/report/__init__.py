"""The report: its chapters, figures, tables and page."""
