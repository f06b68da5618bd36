"""What tests stand on: real servers, a real browser, and a checkout's own folders."""
