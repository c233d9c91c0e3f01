"""The report of a run: plain content in, one self-contained HTML page out."""
