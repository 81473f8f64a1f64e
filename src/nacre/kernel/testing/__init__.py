"""What tests of nacre stand on: a whole cloud in the test's process, databases, workflows."""
