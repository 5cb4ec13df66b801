"""AV-MNIST: written digits teach spoken ones."""
