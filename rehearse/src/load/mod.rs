//! Clients of many kinds, in an instance's network, that record every request and never retry.

mod clients;
mod http;
mod outcome;
mod sample;
mod summary;
mod websocket;

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::sync::oneshot;
use tokio::task::LocalSet;

pub use sample::{Kind, Outcome, Sample};
pub use summary::{Failures, Percentiles, Summary, summarise};

use crate::clock::Clock;
use clients::Shared;

/// Who asks for what, how often.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where the instance serves, as seen in its own network.
    pub address: SocketAddr,
    /// What the quick clients ask for.
    pub path: String,
    /// New connections a second.
    pub rate: u32,
    /// Connections that are kept.
    pub keep_alive_clients: u32,
    /// Between two requests of one of those.
    pub keep_alive_pause: Duration,
    /// Clients of each of the other kinds, where the server has what they ask for.
    pub long_clients: u32,
    /// The load ends by itself after this time,
    pub longest: Duration,
    /// or so many requests.
    pub most_requests: usize,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], 80)),
            path: "/".into(),
            rate: 200,
            keep_alive_clients: 8,
            keep_alive_pause: Duration::from_millis(50),
            long_clients: 2,
            longest: Duration::from_secs(15 * 60),
            most_requests: 1_000_000,
        }
    }
}

/// A running load. Dropped, it stops too.
#[derive(Debug)]
pub struct Load {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<io::Result<Report>>>,
}

/// What a load saw.
#[derive(Debug)]
pub struct Report {
    /// Every request, in the order of their ends.
    pub samples: Vec<Sample>,
    /// The kinds of clients that took part: a server may lack `/slow`, `/upload`, …
    pub kinds: Vec<Kind>,
}

impl Load {
    /// Starts the clients in `network`, or in this process's own.
    pub fn start(network: Option<File>, plan: Plan, clock: Clock) -> Self {
        let (stop, stopped) = oneshot::channel();
        // A namespace is a thread's own: this one never does anything else.
        let thread = std::thread::spawn(move || run(network, plan, clock, stopped));
        Self {
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// Stops the clients, which finish what they have begun.
    ///
    /// # Errors
    /// When the network could not be entered.
    pub fn stop(mut self) -> io::Result<Report> {
        self.stop.take();
        let Some(thread) = self.thread.take() else {
            return Err(io::Error::other("stopped twice"));
        };
        thread
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the load panicked")))
    }
}

fn run(
    network: Option<File>,
    plan: Plan,
    clock: Clock,
    stopped: oneshot::Receiver<()>,
) -> io::Result<Report> {
    if let Some(network) = network {
        move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network))?;
    }
    raise_open_files()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let shared = Rc::new(Shared {
        plan,
        clock,
        stopped: Cell::new(false),
        samples: RefCell::new(Vec::new()),
    });
    let kinds = LocalSet::new().block_on(&runtime, drive(shared.clone(), stopped));
    Ok(Report {
        samples: shared.samples.take(),
        kinds,
    })
}

/// Requests that wait for an answer each have a descriptor: the default of 1024 is a short stall.
fn raise_open_files() -> io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    Ok(setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    )?)
}

async fn drive(shared: Rc<Shared>, stopped: oneshot::Receiver<()>) -> Vec<Kind> {
    let kinds = available(&shared).await;
    let mut clients = tokio::task::JoinSet::new();
    clients.spawn_local(clients::new_connections(shared.clone()));
    for number in 0..shared.plan.keep_alive_clients {
        clients.spawn_local(clients::keep_alive(shared.clone(), number));
    }
    for _ in 0..shared.plan.long_clients {
        for kind in &kinds {
            match kind {
                Kind::Slow => clients.spawn_local(clients::slow(shared.clone())),
                Kind::Upload => clients.spawn_local(clients::upload(shared.clone())),
                Kind::Stream => clients.spawn_local(clients::stream(shared.clone())),
                Kind::WebSocket => clients.spawn_local(websocket::converse(shared.clone())),
                Kind::New | Kind::KeepAlive => continue,
            };
        }
    }
    tokio::select! {
        // Told to stop, or whoever could is gone.
        _ = stopped => {}
        () = tokio::time::sleep(shared.plan.longest) => {}
        () = ended(&mut clients) => {}
    }
    shared.stopped.set(true);
    ended(&mut clients).await;
    kinds
}

async fn ended(clients: &mut tokio::task::JoinSet<()>) {
    while clients.join_next().await.is_some() {}
}

/// Which kinds of clients the server can serve: asked before the load, and not recorded.
async fn available(shared: &Shared) -> Vec<Kind> {
    const LIMIT: Duration = Duration::from_secs(5);
    let mut kinds = vec![Kind::New, Kind::KeepAlive];
    let address = shared.plan.address;
    let asked = |path: &'static str| http::within(LIMIT, http::once(address, http::get(path)));
    // An application may answer everything with the same page.
    if asked("/slow?ms=1").await.outcome.is_ok() && !asked("/no-such-page").await.outcome.is_ok() {
        kinds.push(Kind::Slow);
        let counts = asked("/stream?count=2&ms=1").await;
        if counts.outcome.is_ok() && clients::count_events(&counts.body) == 2 {
            kinds.push(Kind::Stream);
        }
        let empty = http::request(hyper::Method::POST, "/upload", http::get("/").into_body());
        if http::within(LIMIT, http::once(address, empty))
            .await
            .outcome
            .is_ok()
        {
            kinds.push(Kind::Upload);
        }
        let talk = tokio::time::timeout(LIMIT, websocket::conversation(shared, 1)).await;
        if matches!(talk, Ok(Ok(_))) {
            kinds.push(Kind::WebSocket);
        }
    }
    kinds
}

#[cfg(test)]
mod tests;
