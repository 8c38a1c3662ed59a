//! The listening sockets that systemd passes to this process: sd_listen_fds(3).

use std::env::{self, VarError};
use std::num::ParseIntError;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, Ordering};

use socket2::Socket;

use crate::inherited_fd;

/// The number of the first passed descriptor: SD_LISTEN_FDS_START of sd_listen_fds(3).
const FIRST: RawFd = 3;

/// Why the server can't use the passed sockets.
#[derive(Debug, thiserror::Error)]
pub enum ActivationError {
    /// The value of a variable is not a number.
    #[error("{variable}={value:?} is not a number")]
    NotANumber {
        /// `LISTEN_PID` or `LISTEN_FDS`.
        variable: &'static str,
        /// The variable's value.
        value: String,
        /// Why it is not a number.
        source: ParseIntError,
    },
    /// `LISTEN_FDNAMES` does not have as many names as `LISTEN_FDS` says.
    #[error("LISTEN_FDS announces {sockets} sockets, but LISTEN_FDNAMES names {names}")]
    Names {
        /// How many sockets there are.
        sockets: usize,
        /// How many names there are.
        names: usize,
    },
    /// No passed socket has the wanted name.
    #[error("no passed socket is named {wanted:?}; the names are {passed:?}")]
    NoneNamed {
        /// The name that [`Server::socket`](crate::Server::socket) asks for.
        wanted: String,
        /// The names of the passed sockets.
        passed: Vec<String>,
    },
    /// The server can't accept connections on a passed descriptor.
    #[error("can't accept connections on the passed descriptor {fd} ({name})")]
    Unusable {
        /// The descriptor's number.
        fd: RawFd,
        /// The descriptor's name.
        name: String,
        /// Why the server can't use the descriptor.
        source: std::io::Error,
    },
    /// An earlier call in this process has taken the sockets.
    #[error("the passed sockets are already taken")]
    AlreadyTaken,
}

/// The three variables of sd_listen_fds(3).
#[derive(Default)]
struct Variables {
    pid: Option<String>,
    fds: Option<String>,
    names: Option<String>,
}

impl Variables {
    /// Reads the variables, and leaves them in the environment, because [`env::remove_var`] is unsound while a second
    /// thread runs.
    fn read() -> Self {
        let read = |name| match env::var(name) {
            Ok(value) if !value.is_empty() => Some(value),
            Err(VarError::NotUnicode(value)) => Some(value.to_string_lossy().into_owned()),
            _ => None,
        };
        Self {
            pid: read("LISTEN_PID"),
            fds: read("LISTEN_FDS"),
            names: read("LISTEN_FDNAMES"),
        }
    }
}

/// Takes every passed socket with this name, and makes it non-blocking and close-on-exec. If no socket is passed,
/// the list is empty.
pub(crate) fn listeners(name: &str) -> Result<Vec<Socket>, ActivationError> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    let descriptors = passed(&Variables::read(), std::process::id())?;
    if descriptors.is_empty() {
        return Ok(Vec::new());
    }
    let wanted = named(descriptors, name)?;
    if TAKEN.swap(true, Ordering::Relaxed) {
        return Err(ActivationError::AlreadyTaken);
    }
    wanted.into_iter().map(take).collect()
}

/// Takes one socket, and makes it non-blocking, as tokio needs it. systemd passes a blocking socket unless the unit
/// has `NonBlocking=true`.
fn take((fd, name): (RawFd, String)) -> Result<Socket, ActivationError> {
    let prepare = || {
        let socket = inherited_fd::take_listener(fd)?;
        socket.set_nonblocking(true)?;
        socket.set_cloexec(true)?;
        Ok(socket)
    };
    prepare().map_err(|source| ActivationError::Unusable { fd, name, source })
}

/// Returns the descriptors that the variables pass to the process `own_pid`, with their names.
///
/// systemd always sets `LISTEN_PID`. `systemfd --no-pid`, for use with `cargo watch`, does not.
fn passed(variables: &Variables, own_pid: u32) -> Result<Vec<(RawFd, String)>, ActivationError> {
    let Some(fds) = &variables.fds else {
        return Ok(Vec::new());
    };
    if let Some(pid) = &variables.pid
        && number::<u32>("LISTEN_PID", pid)? != own_pid
    {
        return Ok(Vec::new());
    }
    let count = usize::from(number::<u16>("LISTEN_FDS", fds)?);
    let names: Vec<String> = match &variables.names {
        Some(names) => names.split(':').map(str::to_owned).collect(),
        None => vec![String::new(); count],
    };
    if names.len() != count {
        return Err(ActivationError::Names {
            sockets: count,
            names: names.len(),
        });
    }
    Ok((FIRST..).zip(names).collect())
}

/// Returns the descriptors with this name, or all descriptors if none has a name.
fn named(
    descriptors: Vec<(RawFd, String)>,
    wanted: &str,
) -> Result<Vec<(RawFd, String)>, ActivationError> {
    // systemd passes `unknown` for a socket without a name (sd_listen_fds(3)).
    let nameless = |name: &str| name.is_empty() || name == "unknown";
    if descriptors.iter().all(|(_, name)| nameless(name)) {
        return Ok(descriptors);
    }
    let passed = descriptors.iter().map(|(_, name)| name.clone()).collect();
    let ours: Vec<_> = descriptors
        .into_iter()
        .filter(|(_, name)| name == wanted)
        .collect();
    if ours.is_empty() {
        return Err(ActivationError::NoneNamed {
            wanted: wanted.to_owned(),
            passed,
        });
    }
    Ok(ours)
}

fn number<T>(variable: &'static str, value: &str) -> Result<T, ActivationError>
where
    T: std::str::FromStr<Err = ParseIntError>,
{
    value.parse().map_err(|source| ActivationError::NotANumber {
        variable,
        value: value.to_owned(),
        source,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn variables(pid: &str, fds: &str, names: &str) -> Variables {
        let set = |value: &str| (!value.is_empty()).then(|| value.to_owned());
        Variables {
            pid: set(pid),
            fds: set(fds),
            names: set(names),
        }
    }

    fn numbers(descriptors: Vec<(RawFd, String)>) -> Vec<RawFd> {
        descriptors.into_iter().map(|(fd, _)| fd).collect()
    }

    #[test]
    fn nothing_is_passed_without_the_variables() {
        assert!(passed(&Variables::default(), 7).unwrap().is_empty());
        assert!(passed(&variables("7", "", "app"), 7).unwrap().is_empty());
    }

    #[test]
    fn sockets_of_another_process_are_not_ours() {
        assert!(passed(&variables("8", "1", "app"), 7).unwrap().is_empty());
    }

    #[test]
    fn every_socket_of_the_name_is_taken() {
        let all = passed(&variables("7", "3", "app:metrics:app"), 7).unwrap();
        assert_eq!(numbers(named(all, "app").unwrap()), [3, 5]);
    }

    #[test]
    fn sockets_without_names_are_all_taken() {
        for names in ["", "unknown:unknown"] {
            let all = passed(&variables("7", "2", names), 7).unwrap();
            assert_eq!(numbers(named(all, "app").unwrap()), [3, 4], "{names:?}");
        }
    }

    #[test]
    fn systemfd_without_pid_is_accepted() {
        assert_eq!(numbers(passed(&variables("", "1", ""), 7).unwrap()), [3]);
    }

    #[test]
    fn a_socket_of_another_name_is_an_error_that_says_so() {
        let all = passed(&variables("7", "1", "web.socket"), 7).unwrap();
        let error = named(all, "app").unwrap_err().to_string();
        assert_eq!(
            error,
            r#"no passed socket is named "app"; the names are ["web.socket"]"#
        );
    }

    #[test]
    fn broken_variables_are_errors() {
        for (pid, fds, names, message) in [
            ("x", "1", "", r#"LISTEN_PID="x" is not a number"#),
            ("7", "-1", "", r#"LISTEN_FDS="-1" is not a number"#),
            (
                "7",
                "2",
                "app",
                "LISTEN_FDS announces 2 sockets, but LISTEN_FDNAMES names 1",
            ),
        ] {
            let error = passed(&variables(pid, fds, names), 7)
                .unwrap_err()
                .to_string();
            assert_eq!(error, message);
        }
    }
}
