//! Clients with HTTP/2, against servers that write single frames (RFC 9113, 4.1).

use std::io::{Read, Write};
use std::net::SocketAddr;

use super::tls::{Session, clients, config, server};
use super::{outcomes, records_of};
use crate::load::{Plan, Tls};
use crate::record::{Kind, Outcome};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const NO_ERROR: u32 = 0;
const INTERNAL_ERROR: u32 = 2;
const REFUSED_STREAM: u32 = 7;
/// `:status: 200` (RFC 7541, appendix A).
const STATUS_200: &[u8] = &[0x88];

/// The server's side of a connection, after the client's preface.
struct Peer<'a>(&'a mut Session);

impl Peer<'_> {
    fn begin(session: &mut Session) -> Option<Peer<'_>> {
        session.read_exact(&mut [0; 24]).ok()?;
        let peer = Peer(session);
        Some(peer).map(|mut peer| {
            peer.send(SETTINGS, 0, 0, &[]);
            peer
        })
    }

    fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = length[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        // This fails if the client has closed the connection.
        let _ = self.0.write_all(&frame);
    }

    /// Reads to the next request, and returns its stream; `None` at the end of the connection.
    fn request(&mut self) -> Option<u32> {
        loop {
            let mut head = [0; 9];
            self.0.read_exact(&mut head).ok()?;
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; length as usize];
            self.0.read_exact(&mut payload).ok()?;
            if head[3] == HEADERS {
                return Some(u32::from_be_bytes(head[5..].try_into().unwrap()));
            }
        }
    }

    fn answer(&mut self, stream: u32) {
        self.send(HEADERS, END_HEADERS, stream, STATUS_200);
        self.send(DATA, END_STREAM, stream, b"ok\n");
    }

    fn go_away(&mut self, last: u32, reason: u32) {
        let payload = [last.to_be_bytes(), reason.to_be_bytes()].concat();
        self.send(GOAWAY, 0, 0, &payload);
    }

    fn reset(&mut self, stream: u32, reason: u32) {
        self.send(RST_STREAM, 0, stream, &reason.to_be_bytes());
    }

    /// Reads until the client has closed the connection.
    fn wait_for_end(&mut self) {
        while self.request().is_some() {}
    }
}

fn one(address: SocketAddr) -> Plan {
    clients(address, |tls| Tls { http2: 1, ..tls })
}

/// Returns the outcomes of six requests, one after another, to a server that calls `behaviour` for each connection.
fn six(behaviour: impl Fn(&mut Peer) + Send + Sync + 'static) -> Vec<Outcome> {
    let server = server(config(&["h2"]), move |session| {
        if let Some(mut peer) = Peer::begin(session) {
            behaviour(&mut peer);
        }
    });
    let records = records_of(one(server.address), 6);
    assert!(records.iter().all(|record| record.kind == Kind::Http2));
    outcomes(&records)[..6].to_vec()
}

#[test]
fn requests_share_a_connection() {
    let outcomes = six(|peer| {
        while let Some(stream) = peer.request() {
            peer.answer(stream);
            // A second connection would begin with stream 1 again.
            assert!(stream < 100);
        }
    });
    assert_eq!(outcomes, [Outcome::Ok; 6]);
}

/// In a reload, nginx sends such a GOAWAY if no request is in flight.
#[test]
fn a_go_away_before_a_request_costs_nothing() {
    let outcomes = six(|peer| {
        let stream = peer.request().unwrap();
        peer.answer(stream);
        peer.go_away(stream, NO_ERROR);
    });
    assert_eq!(outcomes, [Outcome::Ok; 6]);
}

#[test]
fn a_request_above_the_last_stream_of_a_go_away_is_unprocessed() {
    for reason in [NO_ERROR, INTERNAL_ERROR] {
        let outcomes = six(move |peer| {
            let first = peer.request().unwrap();
            peer.answer(first);
            let second = peer.request().unwrap();
            assert!(second > first);
            peer.go_away(first, reason);
            peer.wait_for_end();
        });
        let expected = [Outcome::Ok, Outcome::Unprocessed].repeat(3);
        assert_eq!(outcomes, expected, "{reason}");
    }
}

#[test]
fn a_request_up_to_the_last_stream_of_a_go_away_has_failed_without_an_answer() {
    for last in [None, Some(i32::MAX as u32)] {
        let outcomes = six(move |peer| {
            let stream = peer.request().unwrap();
            peer.go_away(last.unwrap_or(stream), NO_ERROR);
        });
        assert_eq!(outcomes, [Outcome::Closed; 6], "{last:?}");
    }
}

#[test]
fn a_request_up_to_the_last_stream_of_a_go_away_may_still_be_answered() {
    let outcomes = six(|peer| {
        let stream = peer.request().unwrap();
        peer.go_away(stream, NO_ERROR);
        peer.answer(stream);
        peer.wait_for_end();
    });
    assert_eq!(outcomes, [Outcome::Ok; 6]);
}

#[test]
fn only_a_refused_stream_is_unprocessed_after_a_reset() {
    for (reason, expected) in [
        (REFUSED_STREAM, Outcome::Unprocessed),
        (INTERNAL_ERROR, Outcome::Reset),
    ] {
        let outcomes = six(move |peer| {
            let stream = peer.request().unwrap();
            peer.reset(stream, reason);
            peer.wait_for_end();
        });
        assert_eq!(outcomes, [expected; 6]);
    }
}

#[test]
fn a_close_without_a_go_away_costs_the_request() {
    let in_flight = six(|peer| _ = peer.request());
    assert_eq!(in_flight, [Outcome::Closed; 6]);
    let idle = six(|peer| {
        let stream = peer.request().unwrap();
        peer.answer(stream);
    });
    assert_eq!(idle, [Outcome::Ok, Outcome::Closed].repeat(3));
}

#[test]
fn a_body_that_ends_early_is_truncated() {
    let outcomes = six(|peer| {
        let stream = peer.request().unwrap();
        peer.send(HEADERS, END_HEADERS, stream, STATUS_200);
        peer.send(DATA, 0, stream, b"o");
    });
    assert_eq!(outcomes, [Outcome::Truncated; 6]);
}

#[test]
fn bytes_that_are_not_http2_are_truncated() {
    let outcomes = six(|peer| {
        peer.request();
        let _ = peer.0.write_all(&[0xff; 64]);
        peer.wait_for_end();
    });
    assert_eq!(outcomes, [Outcome::Truncated; 6]);
}

#[test]
fn a_server_without_http2_fails_the_handshake() {
    for protocols in [&["http/1.1"][..], &[]] {
        let server = server(config(protocols), |session| _ = session.read(&mut [0; 64]));
        let records = records_of(one(server.address), 3);
        let expected = vec![Outcome::Handshake; records.len()];
        assert_eq!(outcomes(&records), expected, "{protocols:?}");
    }
}
