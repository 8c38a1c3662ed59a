//! Clients with TLS.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::ProducesTickets;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::server::{OK, OK_AND_CLOSE, Server, unused, wait_for_end};
use super::{LIMIT, outcomes, plan, records_of};
use crate::load::{Manner, Namespace, Plan, Tls, get_with_tls};
use crate::record::{Certificate, Kind, Outcome, Record};

pub type Session = StreamOwned<ServerConnection, TcpStream>;

fn made() -> rcgen::CertifiedKey<rcgen::KeyPair> {
    rcgen::generate_simple_self_signed(["shop.test".to_owned()]).unwrap()
}

/// A server's side of TLS, with a self-signed certificate of its own.
pub fn config(protocols: &[&str]) -> ServerConfig {
    let made = made();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = protocols
        .iter()
        .map(|name| name.as_bytes().into())
        .collect();
    config.ticketer = ring::Ticketer::new().unwrap();
    config
}

/// A server that runs `behaviour` on each connection. A failed handshake ends the connection.
pub fn server(
    config: ServerConfig,
    behaviour: impl Fn(&mut Session) + Send + Sync + 'static,
) -> Server {
    let config = Arc::new(config);
    Server::start(move |stream| {
        let session = ServerConnection::new(Arc::clone(&config)).unwrap();
        let mut session = StreamOwned::new(session, stream);
        behaviour(&mut session);
        session.conn.send_close_notify();
        let _ = session.flush();
        // Closes the sending side first, and reads to the end, as nginx does. A close with unread bytes is a reset.
        let _ = session.sock.shutdown(Shutdown::Write);
        let _ = std::io::copy(&mut session.sock, &mut std::io::sink());
    })
}

/// Reads one request and answers it.
fn answer(session: &mut Session, answer: &str) -> bool {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match session.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return false,
        }
    }
    session.write_all(answer.as_bytes()).is_ok()
}

pub fn clients(address: SocketAddr, tls: impl FnOnce(Tls) -> Tls) -> Plan {
    Plan {
        tls: Some(tls(Tls::none(address, "shop.test"))),
        ..plan(unused())
    }
}

fn full(address: SocketAddr) -> Plan {
    clients(address, |tls| Tls { rate: 50, ..tls })
}

fn kept(address: SocketAddr) -> Plan {
    clients(address, |tls| Tls {
        keep_alive: 1,
        ..tls
    })
}

fn resuming(address: SocketAddr) -> Plan {
    clients(address, |tls| Tls { resumed: 50, ..tls })
}

fn all(records: &[Record], expected: Outcome) -> bool {
    records.iter().all(|record| record.outcome == expected)
}

fn certificates(records: &[Record]) -> BTreeSet<Certificate> {
    let sent = records.iter().filter_map(|record| record.certificate);
    sent.collect()
}

#[test]
fn a_new_connection_has_a_full_handshake_and_shows_its_certificate() {
    let server = server(config(&["http/1.1"]), |session| _ = answer(session, OK));
    let records = records_of(full(server.address), 10);
    assert!(all(&records, Outcome::Ok), "{records:?}");
    let shown = |record: &Record| record.kind == Kind::Tls && record.certificate.is_some();
    assert!(records.iter().all(shown), "{records:?}");
    assert_eq!(certificates(&records).len(), 1);
}

#[test]
fn every_request_names_the_host() {
    let asked = |session: &mut Session| {
        let mut head = [0; 1024];
        let length = session.read(&mut head).unwrap_or(0);
        let name = session.conn.server_name().map(str::to_owned);
        let head = String::from_utf8_lossy(&head[..length]).to_lowercase();
        let right = name.as_deref() == Some("shop.test") && head.contains("host: shop.test");
        let status = if right { "200 OK" } else { "421 Misdirected" };
        let _ = write!(
            session,
            "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        );
    };
    let server = server(config(&[]), asked);
    let plan = Plan {
        host: "shop.test".into(),
        ..full(server.address)
    };
    let records = records_of(plan, 5);
    assert!(all(&records, Outcome::Ok), "{records:?}");
}

#[test]
fn a_resumed_session_is_told_from_a_full_handshake() {
    let server = server(config(&[]), |session| _ = answer(session, OK));
    let records = records_of(resuming(server.address), 20);
    assert!(all(&records, Outcome::Ok), "{records:?}");
    assert_eq!(records[0].kind, Kind::Tls, "the client has no ticket yet");
    let resumed = records
        .iter()
        .filter(|record| record.kind == Kind::TlsResumed);
    assert!(resumed.count() > 10, "{records:?}");
}

/// Sends tickets, and refuses each of them, as nginx does after a reload with another key.
#[derive(Debug)]
struct AnotherKey;

impl ProducesTickets for AnotherKey {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        3600
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        Some(plain.to_vec())
    }

    fn decrypt(&self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }
}

#[test]
fn a_ticket_that_the_server_refuses_costs_nothing() {
    let mut config = config(&[]);
    config.ticketer = Arc::new(AnotherKey);
    let server = server(config, |session| _ = answer(session, OK));
    let records = records_of(resuming(server.address), 10);
    assert!(all(&records, Outcome::Ok), "{records:?}");
    assert!(records.iter().all(|record| record.kind == Kind::Tls));
}

#[test]
fn kept_connections_with_tls_are_kept() {
    // The server answers only on the first connection. It closes any other connection without an answer.
    let first = AtomicBool::new(true);
    let server = server(config(&[]), move |session| {
        if first.swap(false, Ordering::SeqCst) {
            while answer(session, OK) {}
        }
    });
    let records = records_of(kept(server.address), 10);
    assert!(all(&records, Outcome::Ok), "{records:?}");
    let is_kept = |record: &Record| record.kind == Kind::TlsKeepAlive;
    assert!(records.iter().all(is_kept), "{records:?}");
}

#[test]
fn an_announced_close_with_tls_costs_nothing_and_another_one_a_request() {
    let announced = server(config(&[]), |session| _ = answer(session, OK_AND_CLOSE));
    let records = records_of(kept(announced.address), 6);
    assert!(all(&records, Outcome::Ok), "{records:?}");
    let silent = server(config(&[]), |session| _ = answer(session, OK));
    let records = records_of(kept(silent.address), 6);
    let expected = [Outcome::Ok, Outcome::Closed].repeat(3);
    assert_eq!(outcomes(&records)[..6], expected);
}

/// Returns the outcomes of handshakes with a server that calls `behaviour` for each TCP connection.
fn handshake(behaviour: impl Fn(TcpStream) + Send + Sync + 'static) -> Vec<Outcome> {
    let server = Server::start(behaviour);
    let plan = Plan {
        timeout: Duration::from_millis(300),
        ..full(server.address)
    };
    let mut all = outcomes(&records_of(plan, 5));
    all.dedup();
    all
}

#[test]
fn a_handshake_that_does_not_end_is_a_failure_of_its_kind() {
    assert_eq!(handshake(wait_for_end), [Outcome::Timeout]);
    let read_all = |stream: &mut TcpStream| _ = stream.read(&mut [0; 4096]);
    assert_eq!(
        handshake(move |mut stream| read_all(&mut stream)),
        [Outcome::Closed]
    );
    // Linux answers with RST when bytes are left unread (RFC 2525, 2.17).
    let reset = |stream: TcpStream| _ = stream.peek(&mut [0]);
    assert_eq!(handshake(reset), [Outcome::Reset]);
    let plain = move |mut stream: TcpStream| {
        read_all(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        wait_for_end(stream);
    };
    assert_eq!(handshake(plain), [Outcome::Handshake]);
    // A fatal alert, internal_error (RFC 8446, 6): nginx sends this alert if it has no certificate for the name.
    let alert = move |mut stream: TcpStream| {
        read_all(&mut stream);
        let _ = stream.write_all(&[21, 3, 3, 0, 2, 2, 80]);
        wait_for_end(stream);
    };
    assert_eq!(handshake(alert), [Outcome::Handshake]);
}

#[test]
fn a_port_without_a_listener_refuses_tls() {
    let records = records_of(full(unused()), 5);
    assert!(all(&records, Outcome::Refused), "{records:?}");
}

/// Without the key, the server can't sign the handshake.
#[test]
fn a_server_without_the_certificates_key_is_refused() {
    let of_another = PrivateKeyDer::Pkcs8(made().signing_key.serialize_der().into());
    let key = ring::sign::any_supported_type(&of_another).unwrap();
    let stolen = CertifiedKey::new(vec![made().cert.der().clone()], key);
    let mut config = config(&[]);
    config.cert_resolver = Arc::new(SingleCertAndKey::from(stolen));
    let server = server(config, |session| _ = answer(session, OK));
    let records = records_of(full(server.address), 5);
    assert!(all(&records, Outcome::Handshake), "{records:?}");
}

#[test]
fn a_single_request_shows_the_certificate() {
    let server = server(config(&[]), |session| _ = answer(session, OK));
    let tls = Tls::none(server.address, "shop.test");
    let ask = || get_with_tls(&Namespace::here(), &tls, "/", &Manner::default(), LIMIT).unwrap();
    let (first, second) = (ask(), ask());
    assert_eq!(first.outcome, Outcome::Ok);
    assert!(first.certificate().is_some());
    assert_eq!(first.certificate(), second.certificate());
}

#[test]
fn long_requests_use_tls_if_the_plan_says_so() {
    let server = server(config(&[]), |session| _ = answer(session, OK));
    let plan = Plan {
        slow: 1,
        ..clients(server.address, |tls| Tls { long: true, ..tls })
    };
    let records = records_of(plan, 2);
    assert!(all(&records, Outcome::Ok), "{records:?}");
    assert_eq!(records[0].kind, Kind::Slow);
}
