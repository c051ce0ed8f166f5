"""The Lambda functions: one module each, whose `handler(event, context)` the template names."""
