"""What is wrong with labelled images."""
