#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use super::*;

/// A server that treats every connection as `behave` says; gone with the listener.
fn server(behave: fn(TcpStream)) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // Ends with the test process.
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || behave(stream));
        }
    });
    address
}

fn read_head(stream: &mut TcpStream) -> bool {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if !matches!(stream.read(&mut byte), Ok(1)) {
            return false;
        }
        head.push(byte[0]);
    }
    true
}

fn ask(address: SocketAddr, limit: Duration) -> http::Answer {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let request = http::within(limit, http::once(address, http::get("/")));
    LocalSet::new().block_on(&runtime, request)
}

fn outcome_of(behave: fn(TcpStream)) -> Outcome {
    ask(server(behave), Duration::from_secs(5)).outcome
}

#[test]
fn nobody_listening_is_refused() {
    let address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    assert_eq!(
        ask(address, Duration::from_secs(5)).outcome,
        Outcome::Refused
    );
}

#[test]
fn a_connection_closed_without_an_answer_is_closed() {
    let outcome = outcome_of(|mut stream| {
        read_head(&mut stream);
    });
    assert_eq!(outcome, Outcome::Closed);
}

#[test]
fn a_connection_closed_with_data_unread_is_reset() {
    // Closing with unread input sends RST (RFC 2525, 2.17); the peek waits for the input.
    let outcome = outcome_of(|stream| {
        stream.peek(&mut [0]).unwrap();
    });
    assert_eq!(outcome, Outcome::Reset);
}

#[test]
fn an_answer_that_breaks_off_is_truncated() {
    let outcome = outcome_of(|mut stream| {
        read_head(&mut stream);
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")
            .unwrap();
    });
    assert_eq!(outcome, Outcome::Truncated);
}

#[test]
fn no_answer_is_a_timeout() {
    let address = server(|mut stream| while read_head(&mut stream) {});
    assert_eq!(
        ask(address, Duration::from_millis(200)).outcome,
        Outcome::Timeout
    );
}

#[test]
fn another_status_is_named_and_the_run_is_read() {
    let address = server(|mut stream| {
        read_head(&mut stream);
        let _ = stream
            .write_all(b"HTTP/1.1 502 Bad\r\nx-flipless-run: r-1\r\ncontent-length: 0\r\n\r\n");
    });
    let answer = ask(address, Duration::from_secs(5));
    assert_eq!(
        (answer.outcome, answer.run.as_deref()),
        (Outcome::Status(502), Some("r-1"))
    );
}

fn keep_alive_samples(behave: fn(TcpStream)) -> Vec<Sample> {
    let plan = Plan {
        address: server(behave),
        rate: 1,
        keep_alive_clients: 1,
        keep_alive_pause: Duration::from_millis(5),
        most_requests: 10,
        longest: Duration::from_secs(5),
        ..Plan::default()
    };
    let load = Load::start(None, plan, Clock::start());
    let ended = crate::machine::wait_for(Duration::from_secs(10), || {
        load.thread.as_ref().unwrap().is_finished().then_some(())
    });
    assert!(ended.is_some(), "the load must end by itself");
    let samples = load.stop().unwrap().samples;
    samples
        .into_iter()
        .filter(|sample| sample.kind == Kind::KeepAlive)
        .collect()
}

fn answer(stream: &mut TcpStream, headers: &str) {
    let _ = write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n{headers}\r\nok"
    );
}

#[test]
fn a_server_may_end_a_kept_connection_by_saying_so() {
    let samples = keep_alive_samples(|mut stream| {
        read_head(&mut stream);
        answer(&mut stream, "connection: close\r\n");
    });
    assert!(samples.len() > 3);
    assert!(
        samples.iter().all(|sample| sample.outcome.is_ok()),
        "{samples:?}"
    );
}

#[test]
fn an_idle_connection_that_just_goes_fails_the_next_request() {
    let samples = keep_alive_samples(|mut stream| {
        read_head(&mut stream);
        answer(&mut stream, "");
    });
    let outcomes: Vec<_> = samples
        .iter()
        .map(|sample| sample.outcome)
        .take(4)
        .collect();
    assert_eq!(
        outcomes,
        [Outcome::Ok, Outcome::Closed, Outcome::Ok, Outcome::Closed]
    );
}

#[test]
fn a_stall_is_counted_from_the_intended_start() {
    // The first connection blocks all others for half a second.
    static GATE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    static FIRST: std::sync::Once = std::sync::Once::new();
    let plan = Plan {
        address: server(|mut stream| {
            read_head(&mut stream);
            let _gate = GATE.lock().unwrap();
            FIRST.call_once(|| std::thread::sleep(Duration::from_millis(500)));
            answer(&mut stream, "");
        }),
        rate: 100,
        keep_alive_clients: 0,
        long_clients: 0,
        ..Plan::default()
    };
    let clock = Clock::start();
    let shared = Rc::new(Shared {
        plan: Plan {
            most_requests: 60,
            ..plan
        },
        clock,
        stopped: Cell::new(false),
        samples: RefCell::new(Vec::new()),
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    LocalSet::new().block_on(&runtime, clients::new_connections(shared.clone()));
    let samples = shared.samples.borrow();
    let slow = samples
        .iter()
        .filter(|sample| sample.latency > Duration::from_millis(100))
        .count();
    assert!(
        (30..=50).contains(&slow),
        "about 40 of the first 50 wait longer than 100 ms: {slow}"
    );
}
