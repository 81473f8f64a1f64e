"""What placement stores."""
