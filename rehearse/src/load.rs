//! The load: clients of every kind, without retries. They run in their own thread, so that they can enter the
//! network namespace of a container.

mod client;
mod error;
mod events;
mod http2;
mod keep_alive;
mod lookout;
mod manner;
mod network;
mod open_loop;
mod plan;
mod request;
mod slow;
#[cfg(test)]
mod tests;
mod tls;
mod upload;
mod web_socket;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Resource, getrlimit, setpriority_process, setrlimit};
use rustix::thread::gettid;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use crate::record::{Kind, Outcome, Record};
use client::{Client, Records};
pub use error::LoadError;
pub use keep_alive::LONGEST_PAUSE;
pub use manner::{Manner, parse_header};
pub use network::Namespace;
pub use plan::{Plan, Tls};
use request::Fault;
pub use request::{Answer, Handshake};
use tls::{Dialer, Wish};

/// Additional time after the timeout, for requests that take seconds by design and for closing handshakes.
const LEEWAY: Duration = Duration::from_secs(5);

/// A running load. Dropping it stops the load and discards its records.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::{Duration, Instant};
/// use rehearse::load::{Load, Namespace, Plan};
///
/// let leader = 4711;
/// let load = Load::start(Plan::default(), Namespace::of(leader)?, Instant::now())?;
/// load.wait_for(500, Duration::from_secs(10))?;
/// // Deploy…
/// let records = load.stop()?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Load {
    records: Arc<Records>,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<Result<(), LoadError>>,
}

impl Load {
    /// Starts all clients of the plan in `namespace`. `zero` is the start of the records' clock.
    ///
    /// Raises this process's limit of open files to the hard limit (getrlimit(2)).
    ///
    /// # Errors
    /// If the thread cannot enter the namespace (this needs CAP_SYS_ADMIN), or cannot be started.
    pub fn start(plan: Plan, namespace: Namespace, zero: Instant) -> Result<Self, LoadError> {
        raise_open_files().map_err(LoadError::Start)?;
        let records = Arc::new(Records::new(plan.most));
        let (stop, asked) = oneshot::channel();
        let (ready, started) = mpsc::channel();
        let kept = Arc::clone(&records);
        let thread = thread::Builder::new()
            .name("load".into())
            .spawn(move || {
                let runtime = match runtime_in(&namespace) {
                    Ok(runtime) => runtime,
                    Err(error) => return Err(LoadError::Start(error)),
                };
                // Sending can't fail, because the receiver waits for this message.
                let _ = ready.send(());
                runtime.block_on(run(plan, kept, zero, asked))
            })
            .map_err(LoadError::Start)?;
        match started.recv() {
            Ok(()) => Ok(Self {
                records,
                stop,
                thread,
            }),
            Err(_) => Err(result_of(thread).err().unwrap_or(LoadError::Stuck)),
        }
    }

    /// Calls `witness` in a separate thread when a request has waited for 2 s, at most three times. The argument of
    /// `witness` is the number of the call.
    pub fn when_late(&self, witness: impl Fn(usize) + Send + Sync + 'static) {
        self.records.lookout.set(Arc::new(witness));
    }

    /// Checks that the clients still send requests.
    ///
    /// # Errors
    /// If the load has ended by itself. [`Load::stop`] then returns the reason.
    pub fn check(&self) -> Result<(), LoadError> {
        match self.thread.is_finished() {
            true => Err(LoadError::Ended),
            false => Ok(()),
        }
    }

    /// The number of requests that have ended, with or without success.
    pub fn records_so_far(&self) -> usize {
        self.records.len()
    }

    /// Blocks until `count` requests have ended.
    ///
    /// # Errors
    /// If fewer requests have ended after `limit`.
    pub fn wait_for(&self, count: usize, limit: Duration) -> Result<(), LoadError> {
        match self.records.wait_for(count, limit) {
            have if have < count => Err(LoadError::TooFew {
                have,
                wanted: count,
                limit,
            }),
            _ => Ok(()),
        }
    }

    /// Takes the records of the requests that have ended, so that a long load needs little memory.
    /// [`Load::records_so_far`] no longer counts them, and [`Load::stop`] returns only the rest.
    pub fn take(&self) -> Vec<Record> {
        self.records.take()
    }

    /// Sends no further request, waits for the requests in flight, and returns all records, sorted by `at`.
    ///
    /// # Errors
    /// If the load itself failed or ended early, because the records are then incomplete.
    pub fn stop(self) -> Result<Vec<Record>, LoadError> {
        // If the load has already ended, sending fails, and the result of the thread contains the reason.
        let _ = self.stop.send(());
        let ended = result_of(self.thread);
        self.records.lookout.end();
        ended?;
        match self.records.take_own_failure() {
            Some(error) => Err(LoadError::Own(error)),
            None => Ok(self.records.take()),
        }
    }
}

/// Sends one request on a new connection, and waits for the answer. An answer with any status is a success.
///
/// # Errors
/// If the namespace cannot be entered, or if there is no complete answer within `timeout`.
pub fn get(
    namespace: &Namespace,
    address: SocketAddr,
    path: &str,
    manner: &Manner,
    timeout: Duration,
) -> Result<Answer, LoadError> {
    ask(namespace, path, timeout, async || {
        let mut request = request::get(path)?;
        request.headers_mut().extend(manner.headers.clone());
        let mut answer = request::once(request::plain(address).await?, request).await?;
        answer.outcome = manner.judge(&answer);
        Ok(answer)
    })
}

/// Like [`get`], but with TLS and HTTP/1.1. Uses only the address and the name of `tls`.
///
/// # Errors
/// The same as those of [`get`].
pub fn get_with_tls(
    namespace: &Namespace,
    tls: &Tls,
    path: &str,
    manner: &Manner,
    timeout: Duration,
) -> Result<Answer, LoadError> {
    let dialer = dialer(tls)?;
    ask(namespace, path, timeout, async || {
        let mut request = request::get(path)?;
        if let Ok(host) = tls.name.parse() {
            request.headers_mut().insert(hyper::header::HOST, host);
        }
        request.headers_mut().extend(manner.headers.clone());
        let mut answer = request::once(dialer.dial(Wish::Full).await?, request).await?;
        answer.outcome = manner.judge(&answer);
        Ok(answer)
    })
}

fn ask(
    namespace: &Namespace,
    path: &str,
    timeout: Duration,
    exchange: impl AsyncFnOnce() -> Result<Answer, Fault> + Send,
) -> Result<Answer, LoadError> {
    let ask = || {
        let runtime = runtime_in(namespace).map_err(LoadError::Start)?;
        let result = runtime
            .block_on(async { tokio::time::timeout(timeout, exchange()).await })
            .unwrap_or(Err(Fault::Server(Outcome::Timeout)));
        let no_answer = |outcome| LoadError::NoAnswer {
            path: path.into(),
            outcome,
        };
        match result {
            Ok(answer) if answer.cut() => Err(no_answer(answer.outcome)),
            Ok(answer) => Ok(answer),
            Err(Fault::Server(outcome)) => Err(no_answer(outcome)),
            Err(Fault::Own(error)) => Err(LoadError::Own(error)),
        }
    };
    // Only this thread enters the namespace. The caller's thread stays in its own.
    thread::scope(|scope| scope.spawn(ask).join()).unwrap_or(Err(LoadError::Stuck))
}

fn result_of(thread: JoinHandle<Result<(), LoadError>>) -> Result<(), LoadError> {
    thread.join().unwrap_or(Err(LoadError::Stuck))
}

/// Makes a runtime for the calling thread, and moves this thread into the namespace.
fn runtime_in(namespace: &Namespace) -> io::Result<Runtime> {
    namespace.enter()?;
    // The clients represent other machines, so work of the instance must not delay them. If this process may not raise
    // the priority, the clients run with the normal priority.
    let _ = setpriority_process(Some(gettid()), CLIENTS_NICE);
    Builder::new_current_thread().enable_all().build()
}

/// A higher priority than that of the instance's processes. On Linux setpriority(2) applies to a single thread.
const CLIENTS_NICE: i32 = -15;

fn raise_open_files() -> io::Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    Ok(setrlimit(Resource::Nofile, limit)?)
}

async fn run(
    plan: Plan,
    records: Arc<Records>,
    zero: Instant,
    asked: oneshot::Receiver<()>,
) -> Result<(), LoadError> {
    let (stop, stopping) = watch::channel(false);
    let dialer = plan.tls.as_ref().map(dialer).transpose()?;
    let client = Client {
        dialer: dialer.map(Arc::new),
        plan: Arc::new(plan),
        records,
        zero,
        stop: stopping,
    };
    let mut clients = spawn_all(&client);
    let ended = tokio::select! {
        // An error means that the `Load` was dropped. The clients then stop too.
        _ = asked => Ok(()),
        () = client.records.full.notified() => Err(LoadError::Limit("the maximum number of records")),
        () = tokio::time::sleep(client.plan.longest) => Err(LoadError::Limit("the maximum time")),
    };
    stop.send_replace(true);
    let all = async {
        while let Some(ended) = clients.join_next().await {
            ended.map_err(|_| LoadError::Stuck)?;
        }
        Ok(())
    };
    let joined = tokio::time::timeout(client.plan.timeout + LEEWAY, all).await;
    ended.and(joined.unwrap_or(Err(LoadError::Stuck)))
}

fn dialer(tls: &Tls) -> Result<Dialer, LoadError> {
    Dialer::new(tls.address, &tls.name).map_err(|error| LoadError::Start(io::Error::other(error)))
}

fn spawn_all(client: &Client) -> JoinSet<()> {
    let mut clients = JoinSet::new();
    let plan = &client.plan;
    if plan.rate > 0 {
        clients.spawn(open_loop::run(client.clone(), Kind::New, plan.rate));
    }
    for index in 0..plan.keep_alive {
        clients.spawn(keep_alive::run(client.clone(), Kind::KeepAlive, index));
    }
    for index in 0..plan.slow {
        clients.spawn(slow::run(client.clone(), index));
    }
    for index in 0..plan.uploads {
        clients.spawn(upload::run(client.clone(), index));
    }
    for _ in 0..plan.events {
        clients.spawn(events::run(client.clone()));
    }
    for _ in 0..plan.web_sockets {
        clients.spawn(web_socket::run(client.clone()));
    }
    if let Some(tls) = &plan.tls {
        spawn_with_tls(client, tls, &mut clients);
    }
    clients
}

fn spawn_with_tls(client: &Client, tls: &Tls, clients: &mut JoinSet<()>) {
    for (kind, rate) in [(Kind::Tls, tls.rate), (Kind::TlsResumed, tls.resumed)] {
        if rate > 0 {
            clients.spawn(open_loop::run(client.clone(), kind, rate));
        }
    }
    for index in 0..tls.keep_alive {
        clients.spawn(keep_alive::run(client.clone(), Kind::TlsKeepAlive, index));
    }
    for index in 0..tls.http2 {
        clients.spawn(http2::run(client.clone(), index));
    }
}
