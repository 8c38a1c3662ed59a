//! The state that all clients share: the plan, the clock, the records, and the signal to stop.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hyper::Request;
use hyper::header::{HOST, HeaderValue};
use tokio::sync::{Notify, watch};

use super::lookout::{LATE, Lookout};
use super::plan::{Plan, Tls};
use super::request::{self, Answer, Body, Fault, Handshake, Stream};
use super::tls::{Dialer, Wish};
use crate::record::{Kind, Outcome, Record};

/// How long a client waits after a failure, so that it does not send requests to a dead server in a tight loop.
const AFTER_FAILURE: Duration = Duration::from_millis(50);

/// All records so far.
#[derive(Debug)]
pub(super) struct Records {
    list: Mutex<Vec<Record>>,
    grown: Condvar,
    most: usize,
    /// Notified when there are `most` records.
    pub(super) full: Notify,
    /// The first failure of this machine itself, such as too many open files. The server did not cause it.
    own: Mutex<Option<io::Error>>,
    pub(super) lookout: Lookout,
}

impl Records {
    pub(super) fn new(most: usize) -> Self {
        Self {
            list: Mutex::default(),
            grown: Condvar::new(),
            most,
            full: Notify::new(),
            own: Mutex::default(),
            lookout: Lookout::default(),
        }
    }

    pub(super) fn len(&self) -> usize {
        lock(&self.list).len()
    }

    /// Waits until there are `count` records. Returns the number of records.
    pub(super) fn wait_for(&self, count: usize, limit: Duration) -> usize {
        let list = lock(&self.list);
        let waited = self
            .grown
            .wait_timeout_while(list, limit, |list| list.len() < count);
        let (list, _) = waited.unwrap_or_else(PoisonError::into_inner);
        list.len()
    }

    /// Takes all records, sorted by their start.
    pub(super) fn take(&self) -> Vec<Record> {
        let mut all = std::mem::take(&mut *lock(&self.list));
        all.sort_by_key(|record| record.at);
        all
    }

    pub(super) fn take_own_failure(&self) -> Option<io::Error> {
        lock(&self.own).take()
    }

    fn push(&self, record: Record) {
        let mut list = lock(&self.list);
        list.push(record);
        if list.len() == self.most {
            self.full.notify_one();
        }
        self.grown.notify_all();
    }
}

/// Locks a mutex, even after a panic: a client that panics leaves no incomplete record.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A handle for one client.
#[derive(Debug, Clone)]
pub(super) struct Client {
    pub(super) plan: Arc<Plan>,
    pub(super) records: Arc<Records>,
    pub(super) zero: Instant,
    pub(super) stop: watch::Receiver<bool>,
    /// For clients with TLS.
    pub(super) dialer: Option<Arc<Dialer>>,
}

impl Client {
    pub(super) fn is_stopping(&self) -> bool {
        *self.stop.borrow()
    }

    /// A GET request of this client.
    pub(super) fn get(&self, path: &str) -> Result<Request<Body>, Fault> {
        request::get(path).map(|request| self.dress(request))
    }

    /// Opens a connection for a client of this kind.
    pub(super) async fn dial(&self, kind: Kind) -> Result<(Stream, Handshake), Fault> {
        let long = |tls: &Tls| tls.long && !kind.is_quick();
        match kind {
            Kind::TlsResumed => self.dialer()?.dial(Wish::Resumed).await,
            Kind::Http2 => self.dialer()?.dial(Wish::Http2).await,
            kind if kind.is_tls() || self.plan.tls.as_ref().is_some_and(long) => {
                self.dialer()?.dial(Wish::Full).await
            }
            _ => request::plain(self.plan.address).await,
        }
    }

    pub(super) fn dialer(&self) -> Result<&Dialer, Fault> {
        let missing = || Fault::Own(io::Error::other("the plan has no clients with TLS"));
        self.dialer.as_deref().ok_or_else(missing)
    }

    /// Adds the headers that every request has.
    pub(super) fn dress(&self, mut request: Request<Body>) -> Request<Body> {
        if let Ok(host) = HeaderValue::from_str(&self.plan.host) {
            request.headers_mut().insert(HOST, host);
        }
        request
            .headers_mut()
            .extend(self.plan.manner.headers.clone());
        request
    }

    /// Waits for the signal to stop.
    pub(super) async fn stopped(&self) {
        // If the sender was dropped, the load has ended.
        let _ = self.stop.clone().wait_for(|stop| *stop).await;
    }

    /// Sleeps until the time is over or the load stops.
    pub(super) async fn pause(&self, pause: Duration) {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = self.stopped() => {}
        }
    }

    /// Limits the time of an exchange that began at `at` and takes `extra` by design. Calls the lookout if the exchange
    /// is late.
    pub(super) async fn within<T>(
        &self,
        at: Instant,
        extra: Duration,
        exchange: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        let mut exchange = pin!(exchange);
        if LATE < self.plan.timeout {
            let late = at + LATE + extra;
            if let Ok(ended) = tokio::time::timeout_at(late.into(), &mut exchange).await {
                return ended;
            }
            self.records.lookout.call();
        }
        let deadline = at + self.plan.timeout + extra;
        tokio::time::timeout_at(deadline.into(), exchange)
            .await
            .unwrap_or(Err(Fault::Server(Outcome::Timeout)))
    }

    /// Records the end of an exchange, and pauses after a failure.
    pub(super) async fn ended(&self, kind: Kind, at: Instant, result: &Result<Answer, Fault>) {
        match result {
            Ok(answer) => self.push(Record {
                outcome: self.judge(kind, answer),
                certificate: answer.certificate(),
                kind: handshaken(kind, &answer.handshake),
                ..self.made(kind, at, answer.run.clone())
            }),
            Err(fault) => self.fault(kind, at, fault, None),
        }
        if !matches!(result, Ok(answer) if self.judge(kind, answer).answered()) {
            self.rest().await;
        }
    }

    fn judge(&self, kind: Kind, answer: &Answer) -> Outcome {
        match kind.is_quick() {
            true => self.plan.manner.judge(answer),
            false => answer.outcome,
        }
    }

    /// Pauses after a failure.
    pub(super) async fn rest(&self) {
        self.pause(AFTER_FAILURE).await;
    }

    /// Records a failure. Keeps a failure of this machine for [`super::Load::stop`].
    pub(super) fn fault(&self, kind: Kind, at: Instant, fault: &Fault, run: Option<String>) {
        match fault {
            Fault::Server(outcome) => self.record(kind, at, *outcome, run),
            Fault::Own(error) => {
                lock(&self.records.own)
                    .get_or_insert_with(|| io::Error::new(error.kind(), error.to_string()));
            }
        }
    }

    pub(super) fn record(&self, kind: Kind, at: Instant, outcome: Outcome, run: Option<String>) {
        self.push(Record {
            outcome,
            ..self.made(kind, at, run)
        });
    }

    fn push(&self, record: Record) {
        self.records.push(record);
    }

    fn made(&self, kind: Kind, at: Instant, run: Option<String>) -> Record {
        Record {
            at: at.saturating_duration_since(self.zero),
            kind,
            latency: at.elapsed(),
            outcome: Outcome::Ok,
            run,
            certificate: None,
        }
    }
}

/// Returns the kind for the record, which depends on the handshake: a client that resumes sessions makes a full
/// handshake if it has no usable ticket, or if the server refuses the ticket.
fn handshaken(kind: Kind, handshake: &Handshake) -> Kind {
    match kind {
        Kind::TlsResumed if !handshake.resumed => Kind::Tls,
        kind => kind,
    }
}
