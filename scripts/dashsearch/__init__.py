"""dashsearch: do research agents search architectures, or tune hyper-parameters in a corner?"""

__version__ = "0.1.0"
