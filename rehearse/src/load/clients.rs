//! The kinds of clients. Each runs until it's told to stop, and then finishes what it has begun.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, StreamBody};
use hyper::Method;
use hyper::body::Frame;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::Plan;
use super::http::{self, Answer, Connection};
use super::sample::{Kind, Outcome, Sample};
use crate::clock::Clock;

/// An answer that takes longer is a failure.
const QUICK_LIMIT: Duration = Duration::from_secs(10);
/// For the kinds that take seconds by design.
const LONG_LIMIT: Duration = Duration::from_secs(30);
pub(super) const SLOW_MS: u64 = 2000;
pub(super) const EVENTS: usize = 20;
pub(super) const EVENT_MS: u64 = 100;
const UPLOAD_PARTS: usize = 10;
const PART: Bytes = Bytes::from_static(&[b'x'; 16 * 1024]);
const PART_PAUSE: Duration = Duration::from_millis(100);

/// What all clients of a load share.
pub(super) struct Shared {
    pub plan: Plan,
    pub clock: Clock,
    pub stopped: Cell<bool>,
    pub samples: RefCell<Vec<Sample>>,
}

impl Shared {
    fn address(&self) -> SocketAddr {
        self.plan.address
    }

    /// Whether to go on: not told to stop, and below the bound.
    pub fn goes_on(&self) -> bool {
        !self.stopped.get() && self.samples.borrow().len() < self.plan.most_requests
    }

    pub fn record(&self, kind: Kind, at: Duration, answer: Answer) {
        let latency = self.clock.now().saturating_sub(at);
        let Answer { outcome, run, .. } = answer;
        self.samples.borrow_mut().push(Sample {
            at,
            kind,
            latency,
            outcome,
            run,
        });
    }
}

/// New connections at a fixed rate, however long the answers take (open loop).
pub(super) async fn new_connections(shared: Rc<Shared>) {
    let begin = Instant::now();
    let begin_on_clock = shared.clock.now();
    let mut flying = JoinSet::new();
    for number in 0_u32.. {
        let offset = Duration::from_secs_f64(f64::from(number) / f64::from(shared.plan.rate));
        sleep_until(begin + offset).await;
        if !shared.goes_on() {
            break;
        }
        let shared = shared.clone();
        flying.spawn_local(async move {
            let request = http::once(shared.address(), http::get(&shared.plan.path));
            let answer = http::within(QUICK_LIMIT, request).await;
            shared.record(Kind::New, begin_on_clock + offset, answer);
        });
        while flying.try_join_next().is_some() {}
    }
    while flying.join_next().await.is_some() {}
}

/// Requests over one connection, with pauses. When the server says `Connection: close`, the next
/// request opens another; a connection that is gone without that fails the next request.
pub(super) async fn keep_alive(shared: Rc<Shared>, number: u32) {
    let pause = shared.plan.keep_alive_pause;
    // Clients that don't move in step.
    sleep(pause * number / shared.plan.keep_alive_clients.max(1)).await;
    let mut connection: Option<Connection> = None;
    while shared.goes_on() {
        let at = shared.clock.now();
        let (answer, kept) = http_keep_alive(&shared, connection.take()).await;
        connection = kept;
        shared.record(Kind::KeepAlive, at, answer);
        sleep(pause).await;
    }
}

async fn http_keep_alive(
    shared: &Shared,
    kept: Option<Connection>,
) -> (Answer, Option<Connection>) {
    let exchange = async {
        let mut connection = match kept {
            Some(connection) => connection,
            None => Connection::open(shared.address()).await?,
        };
        let answer = connection.send(http::get(&shared.plan.path)).await;
        let kept = answer.reusable.then_some(connection);
        Ok((answer, kept))
    };
    match tokio::time::timeout(QUICK_LIMIT, exchange).await {
        Ok(Ok(answered)) => answered,
        Ok(Err(outcome)) => (Answer::failed(outcome), None),
        Err(_) => (Answer::failed(Outcome::Timeout), None),
    }
}

/// One answer of two seconds after the other.
pub(super) async fn slow(shared: Rc<Shared>) {
    let path = format!("/slow?ms={SLOW_MS}");
    while shared.goes_on() {
        let at = shared.clock.now();
        let request = http::once(shared.address(), http::get(&path));
        let answer = http::within(LONG_LIMIT, request).await;
        breathe(&answer).await;
        shared.record(Kind::Slow, at, answer);
    }
}

/// One upload of a second after the other; the server answers with the number of bytes.
pub(super) async fn upload(shared: Rc<Shared>) {
    while shared.goes_on() {
        let at = shared.clock.now();
        let body = StreamBody::new(Parts {
            left: UPLOAD_PARTS,
            pause: None,
        })
        .boxed();
        let request = http::request(Method::POST, "/upload", body);
        let mut answer = http::within(LONG_LIMIT, http::once(shared.address(), request)).await;
        let expected = (UPLOAD_PARTS * PART.len()).to_string();
        if answer.outcome.is_ok() && answer.body.trim_ascii() != expected.as_bytes() {
            answer.outcome = Outcome::Truncated;
        }
        breathe(&answer).await;
        shared.record(Kind::Upload, at, answer);
    }
}

/// One stream of events after the other; all events must come.
pub(super) async fn stream(shared: Rc<Shared>) {
    let path = format!("/stream?count={EVENTS}&ms={EVENT_MS}");
    while shared.goes_on() {
        let at = shared.clock.now();
        let request = http::once(shared.address(), http::get(&path));
        let mut answer = http::within(LONG_LIMIT, request).await;
        if answer.outcome.is_ok() && count_events(&answer.body) != EVENTS {
            answer.outcome = Outcome::Truncated;
        }
        breathe(&answer).await;
        shared.record(Kind::Stream, at, answer);
    }
}

pub(super) fn count_events(body: &[u8]) -> usize {
    body.split(|byte| *byte == b'\n')
        .filter(|line| line.starts_with(b"data:"))
        .count()
}

/// A refused client must not spin.
pub(super) async fn breathe(answer: &Answer) {
    if !answer.outcome.is_ok() {
        sleep(Duration::from_millis(100)).await;
    }
}

/// An upload's parts, with a pause before each.
struct Parts {
    left: usize,
    pause: Option<std::pin::Pin<Box<tokio::time::Sleep>>>,
}

impl futures_core::Stream for Parts {
    type Item = Result<Frame<Bytes>, std::convert::Infallible>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        if self.left == 0 {
            return std::task::Poll::Ready(None);
        }
        let pause = self
            .pause
            .get_or_insert_with(|| Box::pin(sleep(PART_PAUSE)));
        std::task::ready!(pause.as_mut().poll(context));
        self.pause = None;
        self.left -= 1;
        std::task::Poll::Ready(Some(Ok(Frame::data(PART))))
    }
}
