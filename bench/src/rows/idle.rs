//! Ten thousand idle connections: their memory, and a handover with all of them open.

use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use anyhow::{Context as _, ensure};
use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};

use crate::context::Context;
use crate::figure::{Budget, Figure, Pair};
use crate::load::Connection;
use crate::measurement::Measurement;
use crate::peer::Kind;
use crate::process::wait_for;
use crate::row::{Row, Samples, Trouble};
use crate::server::Server;

pub const MEASUREMENT: Measurement = Measurement {
    rows: &[
        Row {
            name: "idle-memory",
            what: "resident memory for each of 10,000 idle connections, against bare hyper",
            unit: "B",
            figure: Figure::Ratio,
            budget: Budget::AtMost(1.1),
        },
        Row {
            name: "idle-handover",
            what: "requests lost on 10,000 idle connections in a handover to a new server",
            unit: "",
            figure: Figure::Alone,
            budget: Budget::AtMost(0.0),
        },
    ],
    samples,
};

const CONNECTIONS: usize = 10_000;
/// How many descriptors a process may need besides those of the connections.
const OTHERS: u64 = 100;
const THREADS: usize = 2;

fn samples(context: &Context) -> Result<Vec<Samples>, Trouble> {
    let needed = CONNECTIONS as u64 + OTHERS;
    let limit = getrlimit(Resource::Nofile);
    if limit.maximum.is_some_and(|maximum| maximum < needed) {
        return Err(Trouble::Missing(format!(
            "{needed} open files (`ulimit -n`)"
        )));
    }
    let current = limit.maximum;
    let raised = setrlimit(Resource::Nofile, Rlimit { current, ..limit });
    raised.context("cannot raise the limit of open files")?;
    let (mut memory, mut lost) = (Vec::new(), Vec::new());
    // One run takes some seconds, and its result hardly changes.
    for _ in 0..context.runs.min(3) {
        memory.push(Pair {
            ours: per_connection(Kind::Flipless)?,
            peer: per_connection(Kind::Hyper)?,
        });
        lost.push(Pair {
            ours: lost_in_handover(context.scratch.path())?,
            peer: 0.0,
        });
    }
    Ok(vec![memory.into(), lost.into()])
}

/// Opens the connections, and sends one request on each of them.
fn open_all(server: &Server) -> anyhow::Result<Vec<Connection>> {
    let open = |_| {
        let mut connection = Connection::open(server.address)?;
        connection.request()?;
        Ok(connection)
    };
    (0..CONNECTIONS).map(open).collect()
}

fn per_connection(kind: Kind) -> anyhow::Result<f64> {
    let server = Server::start(kind, THREADS)?;
    let before = server.process.resident()?;
    let _open = open_all(&server)?;
    Ok((server.process.resident()? - before) / CONNECTIONS as f64)
}

/// Counts the requests without an answer, on the old connections and on the new ones that replace them.
fn lost_in_handover(scratch: &Path) -> anyhow::Result<f64> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let (old_path, new_path) = (scratch.join("old"), scratch.join("new"));
    let (from_old, from_new) = (notifications(&old_path)?, notifications(&new_path)?);
    let mut old = Server::inheriting(&listener, &old_path, THREADS)?;
    said(&from_old, "READY=1")?;
    let mut open = open_all(&old)?;
    let new = Server::inheriting(&listener, &new_path, THREADS)?;
    said(&from_new, "READY=1")?;
    old.process.signal(Signal::TERM)?;
    said(&from_old, "STOPPING=1")?;
    let mut lost = 0;
    for connection in &mut open {
        // The old server answers, and closes the connection. The client then opens a connection to the new server.
        lost += u32::from(!connection.last_request().unwrap_or(false));
        let again = Connection::open(new.address).and_then(|mut next| next.request());
        lost += u32::from(again.is_err());
    }
    drop(open);
    ensure!(
        old.process.ended()?.success(),
        "the old server ended with an error"
    );
    Ok(f64::from(lost))
}

fn notifications(path: &Path) -> anyhow::Result<UnixDatagram> {
    let _ = std::fs::remove_file(path);
    let socket = UnixDatagram::bind(path)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Waits until the server sends this line with sd_notify(3).
fn said(socket: &UnixDatagram, line: &str) -> anyhow::Result<()> {
    let mut buffer = [0; 4096];
    wait_for(line, || match socket.recv(&mut buffer) {
        Ok(length) => {
            let text = String::from_utf8_lossy(&buffer[..length]);
            Ok(text.lines().any(|each| each == line).then_some(()))
        }
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error.into()),
    })
}
