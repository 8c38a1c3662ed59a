#![allow(clippy::unwrap_used)]
use super::*;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use crate::tls;

/// Starts a server that answers one request with these bytes, and then keeps the connection open. Returns its port.
fn server(bytes: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        // hyper refuses an answer that comes before the request.
        let _ = stream.read(&mut [0; 1024]);
        stream.write_all(bytes).unwrap();
        // Reads until the client closes the connection.
        while stream.read(&mut [0; 1024]).is_ok_and(|length| length > 0) {}
    });
    port
}

/// Sends a request to a server that hangs.
fn hang(address: &str) -> Result<Response<Bytes>, Unanswered> {
    send_within(Duration::from_millis(300), address, None)
}

fn send(address: &str, instead: Option<String>) -> Result<Response<Bytes>, Unanswered> {
    send_within(Duration::from_secs(20), address, instead)
}

fn send_within(
    limit: Duration,
    address: &str,
    instead: Option<String>,
) -> Result<Response<Bytes>, Unanswered> {
    let sender = Sender {
        tls: tls::unverified(),
        limit,
        instead,
    };
    let request = Request::get(address).body(Bytes::new()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(sender.send(request))
}

#[test]
fn an_answer_is_whole_or_an_error() {
    let address = |bytes| format!("http://127.0.0.1:{}/x", server(bytes));
    let of = |bytes| send(&address(bytes), None);
    let long = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(LONGEST_BODY + 1));
    let long: &'static [u8] = long.leak().as_bytes();
    assert!(matches!(of(long), Err(Unanswered::Body(..))));
    let whole = of(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
    assert_eq!(&whole.body()[..], b"ok");
    for hanging in [
        &b""[..],
        b"HTTP/1.1 200",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no",
    ] {
        assert!(
            matches!(hang(&address(hanging)), Err(Unanswered::Late(..))),
            "{hanging:?}"
        );
    }
    assert!(matches!(
        of(b"220 mail server\r\n"),
        Err(Unanswered::Http(..))
    ));
}

#[test]
fn a_server_that_speaks_no_tls_or_does_not_exist_is_named() {
    let hangs = hang(&format!("https://127.0.0.1:{}/", server(b"")));
    assert!(matches!(hangs, Err(Unanswered::Late(..))), "{hangs:?}");
    let plain = send(
        &format!("https://127.0.0.1:{}/", server(b"HTTP/1.1 400 Bad\r\n\r\n")),
        None,
    );
    assert!(matches!(plain, Err(Unanswered::Tls(..))), "{plain:?}");
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let refused = send(&format!("http://{closed}/"), None)
        .unwrap_err()
        .to_string();
    assert!(
        refused.starts_with(&format!("no connection to {closed}: ")),
        "{refused}"
    );
    for address in ["/x", "ftp://a.example/"] {
        assert!(
            matches!(send(address, None), Err(Unanswered::Address(_))),
            "{address}"
        );
    }
}

#[test]
fn the_next_address_of_a_name_is_tried() {
    // `localhost` has the address 127.0.0.1, and possibly ::1, where nothing listens.
    let port = server(b"HTTP/1.1 204 No Content\r\n\r\n");
    let answer = send("http://a.example/", Some(format!("localhost:{port}")));
    assert_eq!(answer.unwrap().status(), 204);
}
