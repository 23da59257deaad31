"""Reports: what a run or a comparison recorded, as one HTML file."""
