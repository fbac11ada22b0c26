//! Real listeners on ports of this machine.

use super::*;

fn listening(address: &str) -> TcpListener {
    TcpListener::bind(address).unwrap()
}

#[test]
fn a_port_that_something_listens_on_is_used_and_free_when_that_is_over() {
    for address in ["127.0.0.1:0", "0.0.0.0:0"] {
        let other = listening(address);
        let port = other.local_addr().unwrap().port();
        assert_eq!(probe(port), Probe::Used, "{address}");
        drop(other);
        assert_eq!(probe(port), Probe::Free, "{address}");
    }
}

#[test]
fn who_listens_on_the_newer_kind_of_address_alone_is_seen_too() {
    // Where there is none, nobody can listen on it.
    let Ok(other) = TcpListener::bind("[::1]:0") else { return };
    assert_eq!(probe(other.local_addr().unwrap().port()), Probe::Used);
}

#[test]
fn a_look_keeps_nothing() {
    let port = listening("127.0.0.1:0").local_addr().unwrap().port();
    assert_eq!((probe(port), probe(port)), (Probe::Free, Probe::Free));
}
