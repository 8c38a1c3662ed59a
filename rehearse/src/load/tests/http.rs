use std::time::Duration;

use super::server::{OK, OK_AND_CLOSE, Server, answer, read_head, unused, wait_for_end};
use super::{LIMIT, outcomes, plan, records_of, single};
use crate::load::{Load, LoadError, Manner, Namespace, Plan, get};
use crate::record::{Kind, Outcome, Record};
use std::time::Instant;

#[test]
fn an_answer_has_status_run_headers_and_body() {
    let server = Server::start(|mut stream| _ = answer(&mut stream, OK));
    let got = get(
        &Namespace::here(),
        server.address,
        "/status.json",
        &Manner::default(),
        LIMIT,
    )
    .unwrap();
    assert_eq!((got.status, got.outcome), (200, Outcome::Ok));
    assert_eq!(got.run.as_deref(), Some("r-1"));
    assert_eq!(got.headers["content-length"], "3");
    assert_eq!(&got.body[..], b"ok\n");
}

/// The server's status depends on a header that a load balancer adds.
#[test]
fn every_request_has_the_headers_and_the_usual_status_is_no_failure() {
    let server = Server::start(|mut stream| {
        // hyper sends a head in one piece.
        let mut head = [0; 1024];
        let length = stream.peek(&mut head).unwrap();
        let head = String::from_utf8_lossy(&head[..length]).to_lowercase();
        let status = match head.contains("x-forwarded-proto: https") {
            true => "404 Not Found",
            false => "301 Moved Permanently",
        };
        let _ = answer(
            &mut stream,
            &format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n"),
        );
    });
    let manner = Manner {
        headers: [crate::load::parse_header("X-Forwarded-Proto: https").unwrap()]
            .into_iter()
            .collect(),
        expected: Some(404),
    };
    let plan = Plan {
        rate: 50,
        manner,
        ..plan(server.address)
    };
    let records = records_of(plan, 5);
    assert!(
        records.iter().all(|record| record.outcome == Outcome::Ok),
        "{records:?}"
    );
    let plan = Plan {
        rate: 50,
        ..super::plan(server.address)
    };
    let records = records_of(plan, 5);
    assert!(
        records
            .iter()
            .all(|record| record.outcome == Outcome::Status(301)),
        "{records:?}"
    );
}

#[test]
fn a_port_without_a_listener_refuses() {
    assert_eq!(single(unused(), LIMIT), Some(Outcome::Refused));
}

#[test]
fn a_close_with_unread_bytes_is_a_reset() {
    // Linux answers with RST when bytes are left unread (RFC 2525, 2.17).
    let server = Server::start(|stream| _ = stream.peek(&mut [0]).unwrap());
    assert_eq!(single(server.address, LIMIT), Some(Outcome::Reset));
}

#[test]
fn a_close_before_the_answer_is_closed() {
    let server = Server::start(|mut stream| _ = read_head(&mut stream));
    assert_eq!(single(server.address, LIMIT), Some(Outcome::Closed));
}

#[test]
fn a_close_within_the_head_is_closed() {
    let server = Server::start(|mut stream| _ = answer(&mut stream, "HTTP/1.1 200"));
    assert_eq!(single(server.address, LIMIT), Some(Outcome::Closed));
}

#[test]
fn no_answer_is_a_timeout() {
    let server = Server::start(wait_for_end);
    let limit = Duration::from_millis(100);
    assert_eq!(single(server.address, limit), Some(Outcome::Timeout));
}

#[test]
fn a_body_cut_short_is_truncated() {
    for cut in [
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ] {
        let server = Server::start(move |mut stream| _ = answer(&mut stream, cut));
        assert_eq!(single(server.address, LIMIT), Some(Outcome::Truncated));
    }
}

#[test]
fn an_answer_that_is_not_http_is_truncated() {
    let server = Server::start(|mut stream| _ = answer(&mut stream, "nonsense\r\n\r\n"));
    assert_eq!(single(server.address, LIMIT), Some(Outcome::Truncated));
}

#[test]
fn another_status_is_recorded_with_its_run() {
    const BAD: &str = "HTTP/1.1 502 Bad\r\ncontent-length: 0\r\nx-flipless-run: r-2\r\n\r\n";
    let server = Server::start(|mut stream| _ = answer(&mut stream, BAD));
    let rate = Plan {
        rate: 50,
        ..plan(server.address)
    };
    for record in records_of(rate, 5) {
        assert_eq!(record.outcome, Outcome::Status(502));
        assert_eq!(record.kind, Kind::New);
        assert_eq!(record.run.as_deref(), Some("r-2"));
    }
}

#[test]
fn kept_connections_are_kept() {
    // The server answers only on the first connection. It closes any other connection without an answer.
    let first = std::sync::atomic::AtomicBool::new(true);
    let server = Server::start(move |mut stream| {
        if first.swap(false, std::sync::atomic::Ordering::SeqCst) {
            while answer(&mut stream, OK) {}
        }
    });
    let records = records_of(one_kept(server.address), 10);
    assert!(
        outcomes(&records)
            .iter()
            .all(|outcome| *outcome == Outcome::Ok)
    );
}

#[test]
fn an_announced_close_costs_nothing() {
    let server = Server::start(|mut stream| _ = answer(&mut stream, OK_AND_CLOSE));
    let records = records_of(one_kept(server.address), 10);
    assert!(
        outcomes(&records)
            .iter()
            .all(|outcome| *outcome == Outcome::Ok)
    );
}

#[test]
fn an_idle_close_without_notice_costs_the_next_request() {
    let server = Server::start(|mut stream| _ = answer(&mut stream, OK));
    let records = records_of(one_kept(server.address), 6);
    let expected = [Outcome::Ok, Outcome::Closed].repeat(3);
    assert_eq!(outcomes(&records)[..6], expected);
}

#[test]
fn an_idle_reset_costs_the_next_request() {
    // The bytes of the second request remain unread.
    let server = Server::start(|mut stream| {
        answer(&mut stream, OK);
        let _ = stream.peek(&mut [0]);
    });
    let records = records_of(one_kept(server.address), 6);
    let expected = [Outcome::Ok, Outcome::Reset].repeat(3);
    assert_eq!(outcomes(&records)[..6], expected);
}

#[test]
fn a_limit_that_ends_the_load_is_an_error() {
    let server = Server::start(|mut stream| _ = answer(&mut stream, OK));
    let most = Plan {
        rate: 100,
        most: 5,
        ..plan(server.address)
    };
    let longest = Plan {
        longest: Duration::ZERO,
        ..most.clone()
    };
    for limited in [most, longest] {
        let load = Load::start(limited, Namespace::here(), Instant::now()).unwrap();
        let _ = load.wait_for(5, Duration::from_secs(1));
        // The limit must end the load before the test does. Otherwise the test proves nothing.
        let deadline = Instant::now() + LIMIT;
        while !load.thread.is_finished() && Instant::now() < deadline {
            std::thread::yield_now();
        }
        assert!(matches!(load.stop(), Err(LoadError::Limit(_))));
    }
}

#[test]
fn too_few_records_are_an_error_that_counts() {
    let load = Load::start(plan(unused()), Namespace::here(), Instant::now()).unwrap();
    let error = load.wait_for(1, Duration::from_millis(10)).unwrap_err();
    assert!(
        matches!(
            error,
            LoadError::TooFew {
                have: 0,
                wanted: 1,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(load.stop().unwrap(), []);
}

#[test]
fn a_namespace_of_no_process_is_an_error_with_its_path() {
    let error = Namespace::of(u32::MAX).unwrap_err();
    assert!(
        error.to_string().contains("/proc/4294967295/ns/net"),
        "{error}"
    );
}

fn one_kept(address: std::net::SocketAddr) -> Plan {
    Plan {
        keep_alive: 1,
        ..plan(address)
    }
}

#[test]
fn records_that_were_taken_do_not_come_again() {
    let server = Server::start(|mut stream| _ = answer(&mut stream, OK));
    let plan = Plan {
        rate: 100,
        ..plan(server.address)
    };
    let load = Load::start(plan, Namespace::here(), Instant::now()).unwrap();
    load.wait_for(20, LIMIT).unwrap();
    let first = load.take();
    load.wait_for(20, LIMIT).unwrap();
    let rest = load.stop().unwrap();
    assert!(first.len() >= 20 && rest.len() >= 20);
    // No two requests are due at the same time.
    let again = |record: &&Record| first.iter().any(|taken| taken.at == record.at);
    assert_eq!(rest.iter().find(again), None);
}
