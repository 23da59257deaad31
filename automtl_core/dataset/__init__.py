"""The contract of datasets: fields, labels, schema and feature encodings."""
