"""What every process of Stageline does alike: settings, logging, port, signals, pauses, exit codes."""
