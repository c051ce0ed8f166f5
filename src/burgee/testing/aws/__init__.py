"""Stand-ins for AWS in tests: what the template describes, built on emulators, and what its roles allow."""
