"""Compiled loops for one CPU thread, where torch's operations would walk memory many times.

Every kernel stands beside a form in torch, which serves GPUs and float64, and is tested against it.
Numba brings its own compiler; what it makes is kept in `__pycache__` for the next process. Results
are written into arrays that torch has allocated: its alignment is what keeps the rounding of the
products behind them independent of the place in a stack.
"""
