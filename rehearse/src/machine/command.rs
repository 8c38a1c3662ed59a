//! The interface between the engine and an instance.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// EB's own limit for a command: 600 s, and a grace period of 240 s.
pub const LONGEST: Duration = Duration::from_secs(840);

/// A system that runs commands: a [`Machine`](super::Machine), or the fake of a test.
pub trait Instance {
    /// Runs `command` as root on the instance and waits for its end.
    ///
    /// # Errors
    /// If the command could not be started, or its deadline has passed. A non-zero exit status is not an error
    /// here.
    fn run(&self, command: &Command) -> io::Result<Output>;

    /// The instance's root directory on this host. An absolute symbolic link in this directory leads out of it, so use
    /// only paths without such links.
    fn root(&self) -> PathBuf;
}

/// A program to run, with its whole environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The program and its arguments.
    pub words: Vec<String>,
    /// The working directory.
    pub folder: String,
    /// All of its environment variables.
    pub environment: Vec<(String, String)>,
    /// The time after which the program is killed.
    pub deadline: Duration,
    /// Whether standard error goes to standard output, so that the lines keep their order.
    pub merges_output: bool,
}

impl Command {
    /// Makes a command from a program's path or name, and its arguments.
    ///
    /// ```
    /// let command = rehearse::machine::Command::new(["systemctl", "daemon-reload"]);
    /// assert_eq!(command.folder, "/");
    /// ```
    pub fn new<const N: usize>(words: [&str; N]) -> Self {
        Self {
            words: words.map(str::to_owned).to_vec(),
            folder: "/".into(),
            environment: vec![
                ("HOME".into(), "/root".into()),
                ("PATH".into(), SEARCH_PATH.into()),
                ("LANG".into(), "C.UTF-8".into()),
            ],
            deadline: LONGEST,
            merges_output: false,
        }
    }

    /// Makes a command that runs a line with `/bin/sh -c`.
    pub fn shell(line: &str) -> Self {
        Self::new(["/bin/sh", "-c", line])
    }

    /// Sets the working directory.
    pub fn in_folder(mut self, folder: &str) -> Self {
        self.folder = folder.to_owned();
        self
    }

    /// Replaces the environment.
    pub fn with_environment(mut self, environment: Vec<(String, String)>) -> Self {
        self.environment = environment;
        self
    }

    /// Sends standard error to standard output.
    pub fn with_merged_output(mut self) -> Self {
        self.merges_output = true;
        self
    }

    /// Sets the deadline.
    pub fn within(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }
}

/// The PATH of root on the instance.
pub const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The result of a command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Output {
    /// The exit status; after a signal, 128 plus the signal's number.
    pub status: i32,
    /// The standard output.
    pub stdout: String,
    /// The standard error.
    pub stderr: String,
}

impl Output {
    /// Whether the exit status is 0.
    pub fn succeeded(&self) -> bool {
        self.status == 0
    }

    /// All output, trimmed.
    pub fn text(&self) -> String {
        format!("{}{}", self.stdout, self.stderr).trim().to_owned()
    }
}
