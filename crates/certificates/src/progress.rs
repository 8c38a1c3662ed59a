//! The progress, which the program stores for its later calls. `flipless status` reads it, too.

use std::io;
use std::path::Path;

use flipless_settings::Https;
use serde::{Deserialize, Serialize};

use crate::back_off::{self, Kind};
use crate::clock::DAY;
use crate::files;
use crate::names::Names;

/// The file of the progress, in the state folder.
pub const FILE: &str = "progress.json";
/// The period in which authorities count certificates.
pub const WEEK: u64 = 7 * DAY;

/// The content of `progress.json`. All times are seconds since 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Progress {
    /// When the program asks the authority next.
    pub next_try: Option<u64>,
    /// How many tries have failed in a row.
    pub failures: u32,
    /// The reason of the last failure; `None` after a success.
    pub last_error: Option<String>,
    /// When a new certificate was last stored.
    pub last_success: Option<u64>,
    /// When the certificate is due for renewal.
    pub renew_at: Option<u64>,
    /// When the last try failed.
    pub last_try: Option<u64>,
    /// The kind of the last failure.
    pub kind: Option<Kind>,
    /// The settings of the last failure. With other settings, the program tries again at once.
    pub tried: Option<Https>,
    /// The orders of the last week that the authority was asked to complete.
    pub issued: Vec<Issue>,
    /// Where the newest certificate came from.
    pub origin: Option<Origin>,
    /// The origin of a certificate that is about to be stored. If this call ends before its last save, the next call
    /// needs the origin.
    pub coming: Option<Origin>,
    /// The order that the authority has not completed or refused yet.
    pub order: Option<Open>,
    /// The renewal that the authority has suggested (RFC 9773).
    pub suggestion: Option<Suggestion>,
}

/// An order that the authority was asked to complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issue {
    /// When the authority was asked.
    pub at: u64,
    /// The authority's directory.
    pub directory: String,
    /// The names.
    pub names: Names,
    /// Whether the certificate passed every check and was stored.
    pub stored: bool,
}

/// An order that the authority has not completed or refused yet. The order's private key is in a file of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    /// The order's URL at the authority.
    pub url: String,
    /// The settings that the certificate is ordered for.
    pub wanted: Wanted,
    /// The account's URL at the authority.
    pub account: String,
    /// When the order was opened.
    pub since: u64,
    /// Whether the authority was asked to sign.
    pub finalized: bool,
}

/// The settings for which a certificate is ordered. If they change, another certificate is needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// The names.
    pub names: Names,
    /// The authority's directory.
    pub directory: String,
    /// The authority's profile.
    pub profile: Option<String>,
}

/// Where a certificate came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The certificate's identifier.
    pub id: String,
    /// The settings that the certificate was ordered for.
    pub wanted: Wanted,
    /// The account's URL at the authority.
    pub account: String,
}

/// A renewal that the authority has suggested.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suggestion {
    /// The certificate's identifier.
    pub id: String,
    /// When to renew the certificate; `None` if the authority suggests no time.
    pub at: Option<u64>,
    /// When to ask again.
    pub ask_at: u64,
}

impl Progress {
    /// Reads the progress from its file. The progress is empty if the file is missing or unreadable. If the file is
    /// unreadable, the second value says why.
    pub fn load(folder: &Path) -> (Self, Option<String>) {
        let path = folder.join(FILE);
        let content = match files::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return (Self::default(), None);
            }
            other => other,
        };
        let read = content.and_then(|content| Ok(serde_json::from_slice(&content)?));
        match read {
            Ok(progress) => (progress, None),
            Err(error) => (
                Self::default(),
                Some(format!("{} is unreadable: {error}", path.display())),
            ),
        }
    }

    /// Writes the file.
    ///
    /// # Errors
    /// If the folder can't be written to.
    pub fn save(&self, folder: &Path) -> io::Result<()> {
        let json = serde_json::to_vec_pretty(self)?;
        files::write(&folder.join(FILE), &json, 0o600)
    }

    /// Records a failure, and returns the time of the next try. The wait grows with each failure that has the same kind
    /// and the same settings as the previous one, up to `patience` seconds.
    pub fn fail(
        &mut self,
        now: u64,
        settings: &Https,
        (kind, asked): (Kind, Option<u64>),
        patience: u64,
        reason: String,
    ) -> u64 {
        let again = self.kind == Some(kind) && self.tried.as_ref() == Some(settings);
        self.failures = if again {
            self.failures.saturating_add(1)
        } else {
            1
        };
        self.kind = Some(kind);
        self.tried = Some(settings.clone());
        self.last_try = Some(now);
        self.last_error = Some(reason);
        let wait = back_off::wait(kind, self.failures, asked);
        let next = now.saturating_add(wait.min(patience));
        self.next_try = Some(next);
        next
    }

    /// Records a try as a failure before the program asks the authority. If the machine goes down during the try, the
    /// next call then waits as after a failure. Returns the earlier progress for [`Progress::end`].
    pub fn begin(&mut self, now: u64, settings: &Https, patience: u64) -> Self {
        let before = self.clone();
        let reason = "the last try was interrupted".into();
        self.fail(now, settings, (Kind::Busy, None), patience, reason);
        before
    }

    /// Forgets the failure that [`Progress::begin`] has recorded. Keeps the orders and the origin that the try has
    /// recorded.
    pub fn end(&mut self, before: Self) {
        let during = std::mem::take(self);
        *self = Self {
            issued: during.issued,
            coming: during.coming,
            order: during.order,
            ..before
        };
    }

    /// Records a certificate that has passed every check and is stored.
    pub fn succeed(&mut self, now: u64, origin: Origin) {
        if let Some(issue) = self.issued.last_mut() {
            issue.stored = true;
        }
        *self = Self {
            last_success: Some(now),
            issued: std::mem::take(&mut self.issued),
            origin: Some(origin),
            ..Self::default()
        };
    }

    /// Records the certificate that an interrupted call has stored. Returns whether there was such a certificate.
    pub fn complete(&mut self, now: u64, current: &str) -> bool {
        match self.coming.take() {
            Some(origin) if origin.id == current => {
                self.succeed(now, origin);
                true
            }
            _ => false,
        }
    }

    /// Forgets all failures, because the certificate at hand is the one that the settings ask for.
    pub fn forget_failures(&mut self) {
        self.failures = 0;
        self.last_error = None;
        self.last_try = None;
        self.kind = None;
        self.tried = None;
    }

    /// Records an order that the program is about to ask the authority to complete. Removes the records that are too
    /// old to count.
    pub fn issue(&mut self, now: u64, wanted: &Wanted) {
        self.issued.retain(|issue| now.abs_diff(issue.at) < WEEK);
        self.issued.push(Issue {
            at: now,
            directory: wanted.directory.clone(),
            names: wanted.names.clone(),
            stored: false,
        });
    }

    /// Removes the last record of an order, because the order has ended and the authority has not signed.
    pub fn issued_nothing(&mut self) {
        self.issued.pop();
    }
}

#[cfg(test)]
mod tests;
