//! skep-daemon
