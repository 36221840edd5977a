"""Colors judged: metrics, the leaderboard, mistakes that have a name, and the real-or-fake test.

Nothing is imported here: `metrics` takes numpy alone, `leaderboard` and `mistakes` also pandas, the widget ipywidgets.
"""
