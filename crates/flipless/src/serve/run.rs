//! The life of a server: listen, check its health, report ready, wait for the flip, accept, drain.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::ServeError;
use super::listener::listeners;
use super::options::Options;
use super::request::{HttpService, RequestService};
use super::signals::Signals;
use crate::drain::Lifecycle;
use crate::health_log::HealthLog;
use crate::{hold, notice, readiness};

/// How long the server waits for the last lines of the health log.
const LAST_LINES: Duration = Duration::from_secs(2);

pub(super) async fn run(
    options: Options,
    service: impl HttpService,
    lifecycle: Arc<Lifecycle>,
) -> Result<(), ServeError> {
    let mut signals = Signals::new().map_err(ServeError::Signals)?;
    let listeners = listeners(&options.socket, options.bind).await?;

    // The probe has a separate lifecycle and no log, because the server must not count or log its own health check.
    let probe = RequestService::new(service.clone(), &Lifecycle::new(), None);
    let (path, statuses) = (&options.health_path, &options.health_statuses);
    let health = readiness::check_health(probe, path, statuses, options.start);
    tokio::select! {
        checked = health => checked?,
        () = signals.stop() => return Ok(()),
    }

    let log = options.health_log.map(HealthLog::start);
    let log = log.transpose().map_err(ServeError::HealthLog)?;
    let service = RequestService::new(service, &lifecycle, log.clone());
    let hold = options.hold.as_deref().filter(|file| hold::is_held(file));
    readiness::ready(hold.is_some()).map_err(ServeError::Notify)?;

    // The pings have to run on the runtime's workers, which serve the requests. The thread of `block_on` may still
    // run while the workers are stuck.
    let mut watchdog = JoinSet::new();
    watchdog.spawn(readiness::ping_watchdog());
    if let Some(file) = hold {
        tokio::select! {
            () = hold::released(file) => readiness::serving(),
            () = signals.stop() => return Ok(()),
        }
    }
    let mut accepting = JoinSet::new();
    for listener in listeners {
        accepting.spawn(listener.accept_all(service.clone(), lifecycle.clone(), options.manner));
    }

    signals.stop().await;
    let began = Instant::now();
    lifecycle.begin_drain();
    readiness::stopping(lifecycle.connections());
    // After this call, every accepted connection is counted.
    let connections = accepting.join_all().await;
    let open = lifecycle.connections();
    drain(&lifecycle, options.drain, &mut signals).await;
    readiness::drained(open, lifecycle.connections(), began.elapsed());
    drop(connections);
    if let Some(log) = log {
        let _ = tokio::time::timeout(LAST_LINES, log.flush()).await;
    }
    Ok(())
}

/// Waits until no connection is open, the limit is over, or SIGINT arrives. In the last two cases, prints how many
/// connections are cut.
async fn drain(lifecycle: &Lifecycle, limit: Duration, signals: &mut Signals) {
    tokio::select! {
        () = lifecycle.all_closed() => return,
        () = tokio::time::sleep(limit) => {}
        () = signals.interrupt() => {}
        () = report(lifecycle) => {}
    }
    let left = readiness::counted(lifecycle.connections());
    notice::say(format_args!("drain ended, {left} cut"));
}

/// Updates the status that `systemctl status` shows, once per second.
async fn report(lifecycle: &Lifecycle) {
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        readiness::stopping(lifecycle.connections());
    }
}
