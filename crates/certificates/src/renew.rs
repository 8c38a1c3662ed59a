//! One call of `renew`, with its lock, its time limit and its saved progress.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

use flipless_settings::{Https, Settings};
use tokio::runtime;
use tokio::time::timeout;

use crate::certificate::Certificate;
use crate::client::RetryAfter;
use crate::clock;
use crate::failure::Failure;
use crate::files;
use crate::names::Names;
use crate::newest;
use crate::options::Options;
use crate::progress::{self, Progress, Wanted};
use crate::run::Run;

/// The time limit for the whole call. The unit's own limit is longer.
const RUN: Duration = Duration::from_secs(270);

/// Does the work of one call.
///
/// # Errors
/// If an order was due, and there is no new certificate. The saved progress then has the reason.
pub fn run(options: &Options) -> Result<(), Failure> {
    let settings = read_settings(&options.settings)?;
    if settings.certificate.is_some() {
        eprintln!("nothing to do: [https] certificate names your own certificate");
        return Ok(());
    }
    let _lock = lock(&options.state)?;
    let (mut progress, fault) = Progress::load(&options.state);
    fault
        .iter()
        .for_each(|fault| eprintln!("{fault}; starting with an empty file"));
    let before = progress.clone();
    let result = attempt(options, &settings, &mut progress);
    if progress != before || fault.is_some() {
        let saved = progress.save(&options.state);
        saved.map_err(|error| Failure::File(options.state.join(progress::FILE), error))?;
    }
    result
}

fn read_settings(path: &Path) -> Result<Https, Failure> {
    let content = files::read(path);
    let settings = content.and_then(|content| Ok(Settings::from_json(&content)?));
    let settings = settings.map_err(|error| Failure::File(path.into(), error))?;
    Ok(settings.https)
}

/// Locks the folder itself (flock(2)), so that no lock file is left. Two calls at the same time would use up the
/// authority's limits.
fn lock(state: &Path) -> Result<File, Failure> {
    let failed = |error| Failure::File(state.into(), error);
    let folder = File::open(state).map_err(failed)?;
    match folder.try_lock() {
        Ok(()) => Ok(folder),
        Err(TryLockError::WouldBlock) => Err(Failure::Locked),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Decides what to do, and does it within the time limit of a call. Records a failure in the progress.
fn attempt(options: &Options, settings: &Https, progress: &mut Progress) -> Result<(), Failure> {
    let retry_after = RetryAfter::default();
    let mut patience = u64::MAX;
    let result = timed(options, settings, progress, &retry_after, &mut patience);
    if let Err(failure) = &result {
        let (now, why) = (clock::now(), (failure.kind(), retry_after.get()));
        let next = progress.fail(now, settings, why, patience, failure.to_string());
        eprintln!("the next try is at {}", clock::text(next));
    }
    result
}

fn timed(
    options: &Options,
    settings: &Https,
    progress: &mut Progress,
    retry_after: &RetryAfter,
    patience: &mut u64,
) -> Result<(), Failure> {
    let wanted = Wanted {
        names: Names::for_order(&settings.domains)?,
        directory: settings.directory.clone(),
        profile: settings.profile.clone(),
    };
    let (now, current) = (clock::now(), newest::newest(options, &wanted.names));
    if let Some(current) = current.as_ref().and_then(Certificate::current) {
        *patience = current.patience(now);
        if progress.complete(now, &current.id) {
            eprintln!("an interrupted call has stored this certificate");
        }
    }
    let mut run = Run {
        current,
        now,
        options,
        settings,
        progress,
        retry_after,
        wanted,
    };
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(Failure::Runtime)?;
    let result = runtime.block_on(async { timeout(RUN, run.go()).await });
    // A look-up of a name may still hang in another thread. This call does not wait for the thread.
    runtime.shutdown_background();
    result.unwrap_or(Err(Failure::Late(RUN.as_secs())))
}
