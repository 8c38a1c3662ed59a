//! Uploads, events and WebSockets.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Message, accept};

use super::server::{Server, answer, read_head, unused};
use super::{outcomes, plan, records_of};
use crate::load::Plan;
use crate::record::{Kind, Outcome};

const HEAD: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nx-flipless-run: r-3\r\n\r\n";

#[test]
fn an_upload_is_ok_only_if_every_byte_was_counted() {
    for (counted, expected) in [(10_240, Outcome::Ok), (10_239, Outcome::Truncated)] {
        let server = Server::start(move |mut stream| {
            if read_head(&mut stream) && stream.read_exact(&mut [0; 10_240]).is_ok() {
                let body = format!("{counted}\n");
                let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length";
                let _ = write!(stream, "{head}: {}\r\n\r\n{body}", body.len());
            }
        });
        let uploads = Plan {
            uploads: 1,
            ..plan(server.address)
        };
        let records = records_of(uploads, 1);
        assert_eq!(records[0].outcome, expected);
        assert!(
            records[0].latency.as_millis() >= 1000,
            "the body is sent over one second"
        );
    }
}

#[test]
fn an_upload_cut_off_is_a_failure() {
    let server = Server::start(|mut stream| _ = read_head(&mut stream));
    let uploads = Plan {
        uploads: 1,
        ..plan(server.address)
    };
    let outcome = records_of(uploads, 1)[0].outcome;
    assert!(
        matches!(outcome, Outcome::Reset | Outcome::Closed),
        "{outcome:?}"
    );
}

#[test]
fn a_stream_ends_well_only_with_its_last_chunk() {
    for (end, expected) in [("0\r\n\r\n", Outcome::Ok), ("", Outcome::Truncated)] {
        let all = format!("{HEAD}3\r\na\n\n\r\n{end}");
        let server = Server::start(move |mut stream| _ = answer(&mut stream, &all));
        let records = records_of(events(server.address), 4);
        assert_eq!(outcomes(&records)[..4], [Outcome::Ok, expected].repeat(2));
        assert_eq!(records[1].kind, Kind::Events);
        assert_eq!(records[1].run.as_deref(), Some("r-3"));
    }
}

#[test]
fn a_refused_stream_gives_one_record_per_attempt() {
    let records = records_of(events(unused()), 3);
    assert!(
        outcomes(&records)
            .iter()
            .all(|outcome| *outcome == Outcome::Refused)
    );
}

#[test]
fn web_socket_messages_come_back_until_the_server_goes_away() {
    let server = Server::start(|stream| {
        let mut socket = accept(stream).unwrap();
        let message = socket.read().unwrap();
        socket.send(message).unwrap();
        let code = CloseCode::Away;
        let reason = "draining".into();
        socket.close(Some(CloseFrame { code, reason })).unwrap();
        while socket.read().is_ok() {}
    });
    let records = records_of(web_sockets(server.address), 4);
    assert!(
        outcomes(&records)
            .iter()
            .all(|outcome| *outcome == Outcome::Ok)
    );
}

#[test]
fn a_close_frame_with_an_error_code_is_a_failure() {
    let server = Server::start(|stream| {
        let mut socket = accept(stream).unwrap();
        let code = CloseCode::Error;
        let reason = "".into();
        socket.close(Some(CloseFrame { code, reason })).unwrap();
        while socket.read().is_ok() {}
    });
    let records = records_of(web_sockets(server.address), 1);
    assert_eq!(records[0].outcome, Outcome::Closed);
}

#[test]
fn a_web_socket_that_ends_without_a_close_frame_is_a_failure() {
    let closed: fn(TcpStream) = |stream| {
        let mut socket = accept(stream).unwrap();
        socket.read().unwrap();
    };
    let reset: fn(TcpStream) = |stream| {
        let socket = accept(stream).unwrap();
        socket.get_ref().peek(&mut [0]).unwrap();
    };
    for (behaviour, expected) in [(closed, Outcome::Closed), (reset, Outcome::Reset)] {
        let server = Server::start(behaviour);
        let records = records_of(web_sockets(server.address), 2);
        assert_eq!(outcomes(&records)[..2], [expected, expected]);
    }
}

#[test]
fn a_wrong_echo_is_truncated_and_a_refused_upgrade_a_status() {
    let server = Server::start(|stream| {
        let mut socket = accept(stream).unwrap();
        while socket.read().is_ok() {
            socket.send(Message::text("other")).unwrap();
        }
    });
    let records = records_of(web_sockets(server.address), 1);
    assert_eq!(records[0].outcome, Outcome::Truncated);

    const BAD: &str = "HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n";
    let server = Server::start(|mut stream| _ = answer(&mut stream, BAD));
    let records = records_of(web_sockets(server.address), 1);
    assert_eq!(records[0].outcome, Outcome::Status(503));
}

fn events(address: SocketAddr) -> Plan {
    Plan {
        events: 1,
        ..plan(address)
    }
}

fn web_sockets(address: SocketAddr) -> Plan {
    Plan {
        web_sockets: 1,
        ..plan(address)
    }
}
