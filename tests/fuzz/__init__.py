"""Image files damaged at random, and colored: whatever they hold, the command survives and says what is wrong."""
