//! A server that gives no answer, or ends while it handles a request.
#![allow(clippy::unwrap_used, missing_docs)]

mod rig;

use std::io::Write;

use rig::{Played, head, listener, rest, send, status};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[test]
fn behind_nginx_a_request_without_an_answer_closes_the_connection() {
    for mode in ["nginx", "stock"] {
        let front = listener();
        let played = Played::start(&front, mode);
        for request in [
            GET,
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx",
        ] {
            let client = send(&front, request);
            drop(played.arrived());
            assert_eq!(rest(client), "", "{mode}");
        }
        // The server and the relay still run.
        let client = send(&front, GET);
        played.arrived().answer(OK);
        assert_eq!(status(&rest(client)), 200);
    }
}

#[test]
fn in_direct_mode_a_request_without_an_answer_gets_a_502() {
    let front = listener();
    let played = Played::start(&front, "direct");
    let client = send(&front, GET);
    let mut arrived = played.arrived();
    arrived
        .stream
        .write_all(b"HTTP/1.1 200 OK\r\nConte")
        .unwrap();
    drop(arrived);
    let answer = rest(client);
    assert_eq!(status(&answer), 502);
    assert!(
        answer.ends_with("\r\n\r\nthe server gave no answer\n"),
        "{answer}"
    );
}

#[test]
fn an_answer_that_is_no_http_gets_a_502_in_every_mode() {
    for mode in ["nginx", "direct"] {
        let front = listener();
        let played = Played::start(&front, mode);
        for answer in [
            "nonsense\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ] {
            let client = send(&front, GET);
            played.arrived().answer(answer);
            assert_eq!(status(&head(&client)), 502, "{mode}: {answer}");
        }
    }
}

#[test]
fn a_request_whose_server_ends_is_closed_when_the_relay_accepts_no_more() {
    let front = listener();
    let mut old = Played::start(&front, "nginx");
    let first = send(&front, GET);
    let arrived = old.arrived();
    old.kill_server();
    drop(arrived);
    assert_eq!(rest(first), "");
    // Now nginx sends its second try, which waits for the next relay.
    let second = send(&front, GET);
    let stderr = old.exit();
    assert!(stderr.contains("the server ended: signal: 9"), "{stderr}");
    let new = Played::start(&front, "nginx");
    new.arrived().answer(OK);
    assert_eq!(status(&rest(second)), 200);
}

#[test]
fn an_answer_that_a_server_sent_before_its_end_arrives() {
    for mode in ["nginx", "direct"] {
        let front = listener();
        let mut played = Played::start(&front, mode);
        let client = send(&front, GET);
        let arrived = played.arrived();
        played.kill_server();
        arrived.answer(OK);
        assert!(rest(client).ends_with("\r\n\r\nok"), "{mode}");
        played.exit();
    }
}
