//! The service manager: readiness, watchdog.
