//! Whether something listens on a port of this machine.
//!
//! Owns: one short try to listen there. Never: keeps a port, or asks anybody else's address.

use std::{
    io::ErrorKind,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener},
};

#[cfg(test)]
mod tests;

/// What a look at a port came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    Free,
    Used,
    /// It could not be tried: it is another user's to listen on, or there is no such address.
    Unknown,
}

/// Looks whether something listens on `port`, on this machine's own addresses of both kinds.
pub fn probe(port: u16) -> Probe {
    let loopback = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    let looks = loopback.map(|address| match TcpListener::bind((address, port)) {
        Ok(_) => Probe::Free,
        Err(err) if err.kind() == ErrorKind::AddrInUse => Probe::Used,
        Err(_) => Probe::Unknown,
    });
    // A machine may have but one kind of address.
    [Probe::Used, Probe::Free]
        .into_iter()
        .find(|answer| looks.contains(answer))
        .unwrap_or(Probe::Unknown)
}
