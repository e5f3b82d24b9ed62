"""What is said about the recording: texts, learning, figures, and a demo of every outcome."""
