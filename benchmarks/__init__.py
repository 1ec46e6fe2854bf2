"""`make bench`: this client beside what people use today. docs/benchmarks/ has the results."""
