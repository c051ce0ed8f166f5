"""What AWS services keep or do for Burgee; each adapter takes a boto3 client that is ready to use."""
