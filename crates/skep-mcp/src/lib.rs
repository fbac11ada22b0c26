//! The tools that skep gives to an agent: `skep mcp --run ID`, a server of the Model Context Protocol on its own standard input and output.
//!
//! **Invariant:** it decides nothing and keeps nothing: each call is one line to the keeper of its run, or one question to the
//! daemon, and who speaks is found out there. It is the only crate with an async runtime, which lives in this one process.

pub mod tools;

pub mod run;
