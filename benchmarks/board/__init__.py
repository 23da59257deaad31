"""A leaderboard that is data: problems, and the test scores of ten models by row, see README.md."""
