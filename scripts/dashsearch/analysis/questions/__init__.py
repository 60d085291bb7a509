"""One module a question: what is written about it, put together from the estimators."""
